'use strict';
// Runs a job of the stand-in agent, for the demonstration and the benchmarks. The agent, with all its rules, is the Rust program in
// tests/agent, which the integration tests use too. A job is one process of it, which answers lines of JSON.

const childProcess = require('child_process');
const crypto = require('crypto');
const path = require('path');
const readline = require('readline');

const ROOT = path.join(__dirname, '..', '..');

// Builds the program, which takes no time if nothing has changed. Returns its path.
function build() {
  const target = path.resolve(ROOT, process.env.CARGO_TARGET_DIR || 'target');
  const command = ['build', '--quiet', '--locked', '--package', 'stand-in-agent', '--target-dir', target];
  childProcess.execFileSync('cargo', command, { cwd: ROOT, stdio: ['ignore', 2, 2] });
  return path.join(target, 'debug', process.platform === 'win32' ? 'stand-in-agent.exe' : 'stand-in-agent');
}

// Starts a job of a build of refs/heads/main in Azure Repos, checked out at `sources`. Its temporary, staging and tool folders lie in
// `folder`. `endpoints` are its service connections, each {id, url, scheme, parameters}. `variables` override the predefined
// ones. Lines go to `output`. `result` is the job's result so far, and `steps` are the steps that ran. After the job is closed,
// `azure` holds what Azure DevOps kept: {properties, attachments, calls}.
async function startJob({ sources, folder, endpoints = [], variables = {}, output = process.stdout }) {
  const child = childProcess.spawn(build(), { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting = [];
  // Only a pending answer keeps this process alive: if the caller fails, it ends, and the agent with it.
  const hold = (how) => [child, child.stdin, child.stdout].forEach((one) => one[how]());
  readline.createInterface({ input: child.stdout }).on('line', (line) => {
    const said = JSON.parse(line);
    if ('show' in said) output.write(`${said.show}\n`);
    else {
      const { resolve, reject } = waiting.shift();
      if (!waiting.length) hold('unref');
      if ('error' in said) reject(new Error(said.error));
      else resolve(said.answer);
    }
  });
  child.once('error', (error) => waiting.forEach(({ reject }) => reject(error)));
  child.stdin.on('error', () => {}); // `close` says it.
  child.once('close', (code) => waiting.forEach(({ reject }) => reject(new Error(`the stand-in agent ended with ${code}`))));
  const ask = (what, values = {}) => new Promise((resolve, reject) => {
    waiting.push({ resolve, reject });
    hold('ref');
    child.stdin.write(`${JSON.stringify({ ask: what, ...values })}\n`);
  });
  const name = path.basename(sources);
  const token = crypto.randomBytes(24).toString('hex');
  // The agent's checkout leaves the commit that is built. Sources without a clone may belong to any commit.
  const head = childProcess.spawnSync('git', ['rev-parse', 'HEAD'], { cwd: sources, encoding: 'utf8' });
  const own = {
    'Agent.Name': 'stand-in', 'Agent.OS': { darwin: 'Darwin', win32: 'Windows_NT' }[process.platform] || 'Linux',
    'Agent.OSArchitecture': process.arch.toUpperCase(), 'Build.DefinitionName': name,
    'Build.SourceVersion': head.status === 0 ? head.stdout.trim() : crypto.randomBytes(20).toString('hex'),
  };
  const places = { sources: path.resolve(sources), folder: path.resolve(folder) };
  const job = { ask, steps: [], result: 'Succeeded', sources: places.sources, azure: null };
  await ask('start', { ...places, endpoints, variables: { ...own, ...variables }, token, node: process.execPath, colour: Boolean(output.isTTY) });
  job.close = async () => {
    job.azure = await ask('azure');
    hold('ref');
    await new Promise((resolve) => child.once('close', resolve).stdin.end());
  };
  return job;
}

async function step(job, what, values) {
  const { job: result, ...done } = await job.ask(what, values);
  job.result = result;
  job.steps.push(done);
  return done;
}

const texts = (inputs) => Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, String(value)]));

// Runs the task in `folder` as a step with these inputs, if `condition` (succeeded, failed, succeededOrFailed or always) holds.
// Resolves to {name, result, message, exitCode, issues, lines}. A failed step fails the job.
const runTask = (job, folder, inputs = {}, condition = 'succeeded') => (
  step(job, 'task', { folder: path.resolve(folder), inputs: texts(inputs), condition }));

// Runs a command with its arguments as a script step, unless the job has failed. Resolves as for a task.
const runScript = (job, name, command, { cwd = job.sources } = {}) => step(job, 'script', { name, command, folder: cwd });

// The environment of the task in `folder`, for callers that start its launcher themselves, and that of a script step.
const taskEnvironment = (job, folder, inputs = {}) => job.ask('environment', { folder: path.resolve(folder), inputs: texts(inputs) });
const scriptEnvironment = (job) => job.ask('scriptenvironment');

// Makes the job read the output of the task in `folder`, which the caller ran: the next step sees the variables that it set.
const takeOutput = (job, folder, output) => job.ask('lines', { folder: path.resolve(folder), lines: output.split(/\r?\n/) });

module.exports = { runScript, runTask, scriptEnvironment, startJob, takeOutput, taskEnvironment };
