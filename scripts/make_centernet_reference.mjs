// Makes src/streetveil/detection/conversion/centernet_expected.json: what the published vehicle model
// answers in TensorFlow.js, the runtime it was published for. The conversion to ONNX is checked against it.
//
//   npm install --no-save @tensorflow/tfjs@4.22.0     (in a temporary folder, or with NODE_PATH)
//   node make_centernet_reference.mjs FOLDER_WITH_centernet.json_AND_.bin OUTPUT.json
//
// The input follows an integer formula, so that Python can make the same one without a file (see
// `expected.test_pattern`). Values are sampled over the whole of both outputs, at the classes that are kept.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(join(process.cwd(), 'package.json'));
const tf = require('@tensorflow/tfjs');
const [folder, output] = process.argv.slice(2);
const size = 512, grid = 128, classes = [2, 3, 5, 7], samples = 300;

const pixels = new Float32Array(size * size * 3);
for (let y = 0, i = 0; y < size; y++)
  for (let x = 0; x < size; x++)
    for (let c = 0; c < 3; c++, i++)
      pixels[i] = (Math.floor((x * y) / 128) + Math.floor(x / 37) * 53 + Math.floor(y / 29) * 31 + c * 67) % 256;

const json = JSON.parse(readFileSync(join(folder, 'centernet.json')));
const bin = readFileSync(join(folder, 'centernet.bin'));
await tf.setBackend('cpu');
const model = await tf.loadGraphModel(tf.io.fromMemory({
  modelTopology: json.modelTopology,
  weightSpecs: json.weightsManifest[0].weights,
  weightData: bin.buffer.slice(bin.byteOffset, bin.byteOffset + bin.length),
  format: json.format,
  signature: json.signature,
}));
const input = tf.tensor4d(pixels, [1, size, size, 3]);
const [keypoints, wh] = model.execute({ 'tower_0/images': input }, ['tower_0/keypoints', 'tower_0/wh']);

// A step that shares no factor with the sizes visits positions all over the tensor.
function sample(tensor, channels) {
  const data = tensor.dataSync(), all = tensor.shape[3], indices = [], values = [];
  const total = grid * grid * channels.length;
  for (let i = 0; i < samples; i++) {
    const index = (i * 104729 + 7) % total; // into (channels, height, width)
    const channel = channels[Math.floor(index / (grid * grid))], cell = index % (grid * grid);
    indices.push(index);
    values.push(data[cell * all + channel]);
  }
  return { indices, values };
}
// JSON has no float32: nine digits give every one back exactly.
const round = (key, value) => (typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(9)) : value);
const result = {
  made_by: `@tensorflow/tfjs ${tf.version.tfjs}, cpu backend`,
  input: [1, 3, size, size],
  outputs: { keypoints: sample(keypoints, classes), wh: sample(wh, [0, 1, 2, 3]) },
};
writeFileSync(output, JSON.stringify(result, round) + '\n');
