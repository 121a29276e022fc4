// Loads a running service with photos and follows every one of them to its end.
//
//   k6 run load-tests/load-test.js                            smoke, then 30/s for a minute, then a spike to 100/s
//   k6 run -e SCENARIO=soak -e DURATION=4h load-tests/load-test.js
//   docker-compose run k6 k6 run /scripts/load-test.js
//
// Environment, all optional:
//   BASE_URL   the service (http://127.0.0.1:8000)
//   TOKEN      sent as `Authorization: Bearer TOKEN`
//   SCENARIO   smoke, steady, spike, soak; several with commas between run one after another (smoke,steady,spike)
//   DURATION   of steady, of the spike's height and of soak (60s, 60s, 30m); RATE: uploads per second of steady and
//              soak (30); PEAK: of the spike (100)
//   PROFILE    fast, balanced or accurate; the service's default where it is not named
//   PHOTOS     files with commas between, or a folder that make_photos.py has filled; by default load-tests/photos,
//              else the sample photos of `streetveil models pull`
//   FOLLOW     seconds after which an accepted photo that is not done counts as lost (300)
//
// The exit code is 99 where a threshold is crossed. load_test.py gives the same figures without k6.

import http from 'k6/http';
import { sleep } from 'k6';
import { Counter, Trend } from 'k6/metrics';
import exec from 'k6/execution';

const BASE_URL = (__ENV.BASE_URL || 'http://127.0.0.1:8000').replace(/\/+$/, '');
const HEADERS = __ENV.TOKEN ? { Authorization: `Bearer ${__ENV.TOKEN}` } : {};
const FOLLOW = Number(__ENV.FOLLOW || 300);
const RATE = Number(__ENV.RATE || 30);
const PEAK = Number(__ENV.PEAK || 100);
const CHOSEN = (__ENV.SCENARIO || 'smoke,steady,spike').split(',').map((name) => name.trim());
// A queue of 1000 and what is being uploaded and worked on: more are not accepted at once, and need not be followed.
const MOST_FOLLOWED = Number(__ENV.MAX_VUS || 1200);
const SAMPLES = ['bus-8.4.190-c02019c4/bus.jpg', 'zidane-8.4.190-16d73869/zidane.jpg']; // in the cache of models

const endToEnd = new Trend('end_to_end_seconds');
const accepted = new Counter('accepted');
const completed = new Counter('completed');
const refused = new Counter('refused_429');
const failed = new Counter('failed'); // accepted, and the service says that it could not be redacted
const lost = new Counter('lost'); // accepted, and neither completed nor failed in time
const unexpected = new Counter('unexpected_answers'); // to an upload: neither 202 nor 429

export const options = {
  scenarios: scenarios(),
  setupTimeout: '90s',
  summaryTrendStats: ['min', 'med', 'avg', 'p(95)', 'p(99)', 'max'],
  thresholds: thresholds(),
};

const photos = readPhotos();
http.setResponseCallback(http.expectedStatuses(200, 202, 429)); // a refusal is an answer

function scenarios() {
  const steady = __ENV.DURATION || '60s';
  // Until the last photo is done or lost, and a last answer has come: k6 counts nothing of those it stops.
  const common = { exec: 'upload', gracefulStop: `${FOLLOW + 70}s` };
  const shapes = {
    smoke: { executor: 'constant-arrival-rate', rate: 1, duration: '5s' },
    steady: { executor: 'constant-arrival-rate', rate: RATE, duration: steady },
    spike: {
      executor: 'ramping-arrival-rate',
      startRate: 5,
      stages: [
        { target: 5, duration: '5s' },
        { target: PEAK, duration: '2s' },
        { target: PEAK, duration: __ENV.DURATION || '60s' },
        { target: 5, duration: '2s' },
        { target: 5, duration: '5s' },
      ],
    },
    soak: { executor: 'constant-arrival-rate', rate: RATE, duration: __ENV.DURATION || '30m' },
  };
  const chosen = {};
  let start = 0;
  for (const name of CHOSEN) {
    if (!shapes[name]) {
      throw new Error(`SCENARIO must be some of ${Object.keys(shapes).join(', ')}, not ${name}`);
    }
    const { rate, duration, stages = [{ target: rate, duration }] } = shapes[name];
    // For each photo under way a virtual user, all made beforehand: k6 leaves out an upload for each it has to make later.
    const uploads = stages.reduce((sum, stage) => sum + Math.ceil(stage.target * seconds(stage.duration)) + 1, 0);
    const users = Math.min(MOST_FOLLOWED, uploads);
    chosen[name] = { ...common, ...shapes[name], startTime: `${start}s`, preAllocatedVUs: users, maxVUs: users };
    start += stages.reduce((sum, stage) => sum + seconds(stage.duration), 0) + 10;
  }
  return chosen;
}

// What issue and docs/load-tests.md promise: the accepted ones complete, the rest is told to come again, soon.
function thresholds() {
  const wanted = {
    lost: ['count==0'],
    failed: ['count==0'],
    unexpected_answers: ['count==0'],
    'http_req_duration{name:upload}': ['p(99)<1000'],
    dropped_iterations: ['count==0'], // uploads that this machine could not start: the figures would be too good
  };
  for (const name of CHOSEN.filter((chosen) => chosen !== 'spike')) {
    wanted[`end_to_end_seconds{scenario:${name}}`] = ['p(95)<60'];
  }
  return wanted;
}

function seconds(duration) {
  const units = { h: 3600, m: 60, s: 1, ms: 0.001 };
  const parts = [...String(duration).matchAll(/([\d.]+)(ms|h|m|s)/g)];
  if (parts.length === 0) {
    throw new Error(`DURATION must be like 90s or 4h, not ${duration}`);
  }
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * units[unit], 0);
}

function readPhotos() {
  const home = __ENV.STREETVEIL_CACHE || `${__ENV.HOME}/.cache/streetveil`;
  const named = (__ENV.PHOTOS || '').split(',').filter(Boolean).map((path) => absolute(path.trim()));
  if (named.some((path) => /\.jpe?g$/i.test(path))) {
    return opened(named);
  }
  for (const folder of named.length ? named : ['./photos']) {
    const index = attempt(() => JSON.parse(open(`${folder}/index.json`)));
    if (index) {
      return opened(index.map((name) => `${folder}/${name}`));
    }
  }
  const samples = named.length ? null : attempt(() => opened(SAMPLES.map((name) => `${home}/models/${name}`)));
  if (!samples) {
    throw new Error(
      'There are no photos: run `streetveil models pull`, or load-tests/make_photos.py, or name JPEG files with -e PHOTOS=a.jpg,b.jpg',
    );
  }
  return samples;
}

// Each virtual user holds what it opens in memory: one photo. k6 wants to have seen all of them once, in user 0.
function opened(paths) {
  return (__VU === 0 ? paths : [paths[__VU % paths.length]]).map((path) => open(path, 'b'));
}

// k6 takes relative paths as relative to this file, people mean the folder they are in.
function absolute(path) {
  return path.startsWith('/') || !__ENV.PWD ? path : `${__ENV.PWD}/${path}`;
}

function attempt(read) {
  try {
    return read();
  } catch (error) {
    return null;
  }
}

// Tells how far the service's clock is ahead of ours: it says itself when a job was done. The quickest of some answers
// knows best; the first one may have waited for the service to start.
export function setup() {
  const deadline = Date.now() + 60000;
  let best = { took: Infinity, ahead: 0 };
  for (let answers = 0; answers < 5; ) {
    const sent = Date.now();
    const answer = http.get(`${BASE_URL}/queue-status`, { headers: HEADERS, tags: { name: 'queue-status' } });
    const took = Date.now() - sent;
    if (answer.status === 200) {
      answers += 1;
      if (took < best.took) {
        best = { took, ahead: timestamp(answer.json('timestamp')) - (sent + took / 2) / 1000 };
      }
    } else if (Date.now() > deadline || answer.status === 401 || answer.status === 403) {
      exec.test.abort(`${BASE_URL} is not ready: GET /queue-status answered ${answer.status} ${answer.error}`);
      break;
    } else {
      sleep(1);
    }
  }
  return best;
}

function timestamp(value) {
  return typeof value === 'number' ? value : Date.parse(String(value).replace(/(\.\d{3})\d+/, '$1')) / 1000;
}

export function upload(data) {
  const sent = Date.now() / 1000;
  const number = exec.scenario.iterationInTest;
  const name = `${exec.scenario.name}-${number}`;
  const form = { file: http.file(unique(photos[0], name), `${name}.jpg`, 'image/jpeg') };
  if (__ENV.PROFILE) {
    form.profile = __ENV.PROFILE;
  }
  const answer = http.post(`${BASE_URL}/upload`, form, { headers: HEADERS, tags: { name: 'upload' } });
  if (answer.status === 429 && answer.headers['Retry-After']) {
    refused.add(1);
  } else if (answer.status === 202) {
    accepted.add(1);
    follow(answer.json('job_id'), sent, data.ahead);
  } else {
    unexpected.add(1);
    console.error(`upload answered ${answer.status} ${answer.error} ${String(answer.body).slice(0, 300)}`);
  }
}

// Asks ever more seldom: a thousand photos that wait must not cost more than the work on them. The service says when
// a job was done, so that this does not make the figures coarser.
function follow(job, sent, ahead) {
  let left = FOLLOW;
  for (let pause = 0.25; left > 0; pause = Math.min(pause * 2, 20)) {
    sleep(Math.min(pause * (0.9 + 0.2 * Math.random()), left));
    const answer = http.get(`${BASE_URL}/status/${job}`, { headers: HEADERS, tags: { name: 'status' } });
    const seen = Date.now() / 1000;
    left = sent + FOLLOW - seen;
    const status = answer.status === 200 ? answer.json('status') : null;
    if (status === 'completed') {
      completed.add(1);
      endToEnd.add(Math.max(0, Math.min(seen, answer.json('updated_at') - ahead) - sent));
      return;
    }
    if (status === 'failed') {
      failed.add(1);
      console.error(`job ${job} failed: ${JSON.stringify(answer.json('error'))}`);
      return;
    }
    if (answer.status === 404) {
      break;
    }
  }
  lost.add(1);
  console.error(`job ${job} is lost`);
}

// The same picture in another file: a comment right behind the JPEG's first marker.
function unique(photo, text) {
  const comment = Array.from(`${Date.now()} ${text}`, (letter) => letter.charCodeAt(0));
  const bytes = new Uint8Array(photo);
  const file = new Uint8Array(bytes.length + comment.length + 4);
  file.set(bytes.subarray(0, 2));
  file.set([0xff, 0xfe, 0, comment.length + 2], 2);
  file.set(comment, 6);
  file.set(bytes.subarray(2), 6 + comment.length);
  return file.buffer;
}
