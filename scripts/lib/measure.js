'use strict';
// Times commands for the benchmarks.

const childProcess = require('child_process');
const fs = require('fs');

// Runs a command to its end: {cpu, wall} in milliseconds, its children included, and {code, output}.
// bash's own `time` counts waited-for children in milliseconds. Asynchronous, because stand-ins in this
// process may have to answer meanwhile. `log` takes the output.
function timed(command, { env, cwd, log }) {
  return new Promise((resolve, reject) => {
    const script = 'TIMEFORMAT="%3U %3S %3R"; time "$@" >"$BENCH_OUTPUT" 2>&1';
    const child = childProcess.spawn('bash', ['-c', script, 'bench', ...command], {
      cwd, env: { ...env, BENCH_OUTPUT: log }, stdio: ['ignore', 'ignore', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', (piece) => { errors += piece; });
    child.on('error', reject);
    child.on('close', (code) => {
      const [user, system, wall] = errors.trim().split('\n').pop().split(' ').map(Number);
      resolve({ cpu: (user + system) * 1000, wall: wall * 1000, code, output: fs.readFileSync(log, 'utf8') });
    });
  });
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

module.exports = { median, timed };
