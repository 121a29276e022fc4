// Makes src/streetveil/detection/conversion/centernet_expected.json: what the published vehicle model
// answers in TensorFlow.js, the runtime it was published for. The conversion to ONNX is checked against it.
//
//   npm install --no-save @tensorflow/tfjs@4.22.0     (in a temporary folder, or with NODE_PATH)
//   node make_centernet_reference.mjs FOLDER_WITH_centernet.json_AND_.bin OUTPUT.json    (half a minute)
//
// The input follows an integer formula, so that Python can make the same one without a file (see
// `expected.reference_input`). Values are sampled over the whole of both outputs, at the classes that are kept.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(join(process.cwd(), 'package.json'));
const tf = require('@tensorflow/tfjs');
const [folder, output] = process.argv.slice(2);
const classes = [2, 3, 5, 7], samples = 200;
// The published size, and one of another shape: the conversion sets sizes free, and this tells whether it does so rightly.
const sizes = [[512, 512], [224, 384]];

const json = JSON.parse(readFileSync(join(folder, 'centernet.json')));
const specs = json.weightsManifest[0].weights;
const published = readFileSync(join(folder, 'centernet.bin'));
await tf.setBackend('cpu');

function testPattern(height, width) {
  const pixels = new Float32Array(height * width * 3);
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++, i++)
        pixels[i] = (Math.floor((x * y) / 128) + Math.floor(x / 37) * 53 + Math.floor(y / 29) * 31 + c * 67) % 256;
  return tf.tensor4d(pixels, [1, height, width, 3]);
}

// The weights with the three constant sizes of the upsampling layers made those of another input size.
function weightsFor(height, width) {
  const bytes = new Uint8Array(published).buffer, view = new DataView(bytes);
  let offset = 0;
  for (const spec of specs) {
    const count = spec.shape.reduce((a, b) => a * b, 1);
    if (/up_sampling2d\w*\/mul$/.test(spec.name)) {
      view.setInt32(offset, (view.getInt32(offset, true) * height) / 512, true);
      view.setInt32(offset + 4, (view.getInt32(offset + 4, true) * width) / 512, true);
    }
    offset += count * (spec.quantization?.dtype === 'float16' ? 2 : 4);
  }
  return bytes;
}

// A step that shares no factor with the sizes visits positions all over the tensor.
function sample(tensor, channels) {
  const data = tensor.dataSync(), [, height, width, all] = tensor.shape, indices = [], values = [];
  for (let i = 0; i < samples; i++) {
    const index = (i * 104729 + 7) % (height * width * channels.length); // into (channels, height, width)
    const channel = channels[Math.floor(index / (height * width))], cell = index % (height * width);
    indices.push(index);
    values.push(data[cell * all + channel]);
  }
  return { indices, values };
}

async function answers(height, width) {
  const topology = structuredClone(json.modelTopology), signature = structuredClone(json.signature);
  const dims = (shape) => Object.assign(shape.dim[1], { size: `${height}` }) && Object.assign(shape.dim[2], { size: `${width}` });
  dims(topology.node.find((node) => node.op === 'Placeholder').attr.shape.shape);
  dims(signature.inputs['tower_0/images'].tensorShape);
  const model = await tf.loadGraphModel(tf.io.fromMemory({
    modelTopology: topology,
    weightSpecs: specs,
    weightData: weightsFor(height, width),
    format: json.format,
    signature,
  }));
  const [keypoints, wh] = model.execute(
    { 'tower_0/images': testPattern(height, width) }, ['tower_0/keypoints', 'tower_0/wh']);
  return {
    input: [1, 3, height, width],
    outputs: { keypoints: sample(keypoints, classes), wh: sample(wh, [0, 1, 2, 3]) },
  };
}

// JSON has no float32: nine digits give every one back exactly.
const round = (key, value) => (typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(9)) : value);
const runs = [];
for (const [height, width] of sizes) runs.push(await answers(height, width));
const result = { made_by: `@tensorflow/tfjs ${tf.version.tfjs}, cpu backend`, runs };
writeFileSync(output, JSON.stringify(result, round) + '\n');
