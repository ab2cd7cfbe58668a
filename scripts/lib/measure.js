'use strict';
// Times commands for the benchmarks.

const childProcess = require('child_process');
const fs = require('fs');

// Runs a command to its end: {cpu, wall} in milliseconds, its children included, {peak} in MiB, that of the largest
// of these processes, and {code, output}. bash's own `time` counts waited-for children in milliseconds, GNU's knows
// their memory. Asynchronous, because stand-ins in this process may have to answer meanwhile. `log` takes the
// output, `stdin` is a file.
function timed(command, { env, cwd, log, stdin = '/dev/null' }) {
  return new Promise((resolve, reject) => {
    const script = 'TIMEFORMAT="%3U %3S %3R"; time /usr/bin/time -q -f %M -o "$BENCH_OUTPUT.peak" "$@" <"$BENCH_INPUT" >"$BENCH_OUTPUT" 2>&1';
    const child = childProcess.spawn('bash', ['-c', script, 'bench', ...command], {
      cwd, env: { ...env, BENCH_INPUT: stdin, BENCH_OUTPUT: log }, stdio: ['ignore', 'ignore', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', (piece) => { errors += piece; });
    child.on('error', reject);
    child.on('close', (code) => {
      const [user, system, wall] = errors.trim().split('\n').pop().split(' ').map(Number);
      resolve({
        cpu: (user + system) * 1000, wall: wall * 1000, peak: Number(fs.readFileSync(`${log}.peak`, 'utf8')) / 1024,
        code, output: fs.readFileSync(log, 'utf8'),
      });
    });
  });
}

// An environment without what only the caller of the benchmark has in its own, as an agent's is.
function cleared(environment) {
  const kept = ['PATH', 'HOME', 'LANG', 'USER', 'DOTNET_ROOT'];
  return Object.fromEntries(Object.entries(environment).filter(([name, value]) => kept.includes(name) || process.env[name] !== value));
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

module.exports = { cleared, median, timed };
