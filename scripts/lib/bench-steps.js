'use strict';
// Processor time and memory of the steps' own part, against a bare Node.js in the same run. scripts/bench calls it:
//
//   node bench-steps.js TASKS URL RUNS [far]   the task folders, a SonarQube with login admin/admin, how often
//
// With `far` the server is asked through a relay that holds each answer for 100 ms, and what counts is wall time.
// Each process gets what an agent gives a task, and nothing else: a Node.js that reads NODE_EXTRA_CA_CERTS takes twice as long.
//
// Everything is HTTP on loopback: a real SonarQube, and the Azure DevOps of the stand-in agent. SonarPublish finds
// its analysis processed.

const fs = require('fs');
const http = require('http');
const path = require('path');
const agent = require('./agent');
const { cleared, median, timed } = require('./measure');
const sonarqube = require('./sonarqube');

const ROOT = path.join(__dirname, '..', '..');
const KEY = 'sonar-azdo-bench';

const DELAY = 100;

// Hands requests on at once and answers back after DELAY milliseconds. `count` is how many there were.
async function relay(url) {
  const to = new URL(url);
  const at = { count: 0 };
  const server = http.createServer((request, response) => {
    at.count++;
    const options = { host: to.hostname, port: to.port, method: request.method, path: request.url, headers: request.headers };
    const asked = http.request(options, (answer) => setTimeout(() => {
      response.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(response);
    }, DELAY));
    asked.on('error', () => response.destroy());
    request.pipe(asked);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(at, { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() });
}

async function main([tasks, nearUrl, runs, far]) {
  const folder = path.join(ROOT, 'target', 'bench');
  fs.rmSync(folder, { recursive: true, force: true });
  const sources = path.join(folder, 'sources');
  fs.cpSync(path.join(ROOT, 'tests', 'data', 'sample-passing'), sources, { recursive: true });

  const admin = sonarqube.withPassword(nearUrl, 'admin', 'admin');
  const through = far ? await relay(nearUrl) : null;
  const url = through ? through.url : nearUrl;
  const token = await sonarqube.prepareProject(admin, KEY, 'Bench');
  const connection = '5ca1ab1e-0000-4000-8000-000000000002';
  const job = await agent.startJob({
    sources,
    folder,
    endpoints: [{ id: connection, url, scheme: 'UsernamePassword', parameters: { username: token } }],
    output: { write() {} },
  });
  const inputs = {
    prepare: {
      SonarQube: connection, scannerMode: 'cli', unshallow: 'off', configMode: 'manual', cliProjectKey: KEY, cliProjectName: 'Bench',
      cliProjectVersion: '2.1', cliSources: 'money',
      // git ignores the folder that the sources are copied to, and the engine would leave them out.
      extraProperties: '# tests\nsonar.exclusions=**/gen/**\nsonar.python.version=3.12\nsonar.scm.disabled=true\n',
    },
    publish: { pollingTimeoutSec: '300' },
  };
  const environmentOf = (name) => agent.taskEnvironment(job, path.join(tasks, name), inputs[name]);
  const launcher = (name) => ['node', path.resolve(tasks, name, 'run.js')];
  const temp = path.join(folder, 'temp');
  const log = path.join(folder, 'output.log');
  const records = path.join(temp, 'sonar-azdo');
  const forget = (name) => fs.rmSync(path.join(temp, name), { recursive: true, force: true });

  const step = async (name, given) => {
    const { result, lines } = await agent.runTask(job, path.resolve(tasks, name), given);
    if (result !== 'Succeeded') throw new Error(`${name} ended as ${result}:\n${lines.join('\n')}`);
  };
  console.error('one analysis, so that SonarPublish has something to publish ...');
  await step('prepare', inputs.prepare);
  await step('analyze');
  await step('publish', inputs.publish);
  const environments = { prepare: cleared(await environmentOf('prepare')), publish: cleared(await environmentOf('publish')) };
  const kept = path.join(folder, 'records');
  fs.renameSync(records, kept);

  // The launcher unpacks the program on an agent's first job alone.
  const unpacked = (name) => path.resolve(tasks, name, 'unpacked');
  const subjects = {
    'node -e 0': { command: ['node', '-e', '0'], env: environments.prepare },
    'SonarPrepare, first of a job': {
      command: launcher('prepare'), env: environments.prepare,
      before: () => { forget('sonar-azdo'); forget('sonar-azdo-bin'); },
    },
    'SonarPrepare, later': { command: launcher('prepare'), env: environments.prepare, before: () => forget('sonar-azdo') },
    'SonarPrepare, first of an agent': {
      command: launcher('prepare'), env: environments.prepare,
      before: () => {
        forget('sonar-azdo');
        forget('sonar-azdo-bin');
        fs.rmSync(unpacked('prepare'), { recursive: true, force: true });
      },
    },
    'SonarPublish': {
      command: launcher('publish'), env: environments.publish,
      before: () => { forget('sonar-azdo'); fs.cpSync(kept, records, { recursive: true }); },
    },
  };
  const requests = {};
  const results = Object.fromEntries(Object.keys(subjects).map((name) => [name, { cpu: [], wall: [] }]));
  for (let run = 0; run <= runs; run++) {
    for (const [name, { command, env, before }] of Object.entries(subjects)) {
      if (before) before();
      if (through) through.count = 0;
      const { cpu, wall, output } = await timed(command, { env, cwd: sources, log });
      if (before && !output.includes('##vso[task.complete result=Succeeded;]')) throw new Error(`${name} did not succeed:\n${output}`);
      if (name.startsWith('SonarPrepare') && !fs.readdirSync(records).length) throw new Error(`${name} left no record:\n${output}`);
      if (name === 'SonarPublish' && !output.includes('Quality gate passed')) throw new Error(`${name} told no gate:\n${output}`);
      if (through) requests[name] = through.count;
      if (run === 0) continue; // The first round warms the page cache.
      results[name].cpu.push(cpu);
      results[name].wall.push(wall);
    }
  }

  const memory = {};
  for (const [name, subject] of [['prepare', 'SonarPrepare, later'], ['publish', 'SonarPublish']]) {
    subjects[subject].before();
    const folder = unpacked(name);
    const binary = path.join(folder, fs.readdirSync(folder)[0], 'sonar-azdo');
    const { output } = await timed(['/usr/bin/time', '-f', 'peak %M', binary, 'task', name], { env: environments[name], cwd: sources, log });
    memory[name] = Number(/peak (\d+)/.exec(output)[1]) / 1024;
  }
  await job.close();
  if (through) through.close();

  const base = median(results['node -e 0'].cpu);
  const where = through ? `, each answer of the server ${DELAY} ms late` : '';
  console.log(`| launcher and binary, medians of ${runs} alternating runs${where} | CPU ms | ratio to node | wall ms |${through ? ' requests |' : ''}`);
  console.log(`|---|--:|--:|--:|${through ? '--:|' : ''}`);
  for (const [name, { cpu, wall }] of Object.entries(results)) {
    console.log(`| ${name} | ${median(cpu).toFixed(0)} | ${(median(cpu) / base).toFixed(2)} | ${median(wall).toFixed(0)} |${through ? ` ${requests[name] || 0} |` : ''}`);
  }
  console.log(`\nPeak memory of the binary: SonarPrepare ${memory.prepare.toFixed(1)} MiB, SonarPublish ${memory.publish.toFixed(1)} MiB`);
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
});
