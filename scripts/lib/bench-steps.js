'use strict';
// Processor time and memory of the steps' own part, against a bare Node.js in the same run. scripts/bench calls it:
//
//   node bench-steps.js TASKS URL RUNS   the task folders, a SonarQube with login admin/admin, how often
//
// Everything is HTTP on loopback: a real SonarQube, and the Azure DevOps of the stand-in agent. SonarPublish finds
// its analysis processed.

const fs = require('fs');
const path = require('path');
const agent = require('./agent');
const { median, timed } = require('./measure');
const sonarqube = require('./sonarqube');

const ROOT = path.join(__dirname, '..', '..');
const KEY = 'sonar-azdo-bench';

async function main([tasks, url, runs]) {
  const folder = path.join(ROOT, 'target', 'bench');
  fs.rmSync(folder, { recursive: true, force: true });
  const sources = path.join(folder, 'sources');
  fs.cpSync(path.join(ROOT, 'tests', 'data', 'sample-passing'), sources, { recursive: true });

  const admin = sonarqube.withPassword(url, 'admin', 'admin');
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
  const environments = { prepare: await environmentOf('prepare'), publish: await environmentOf('publish') };
  const kept = path.join(folder, 'records');
  fs.renameSync(records, kept);

  const subjects = {
    'node -e 0': { command: ['node', '-e', '0'], env: process.env },
    'SonarPrepare': { command: launcher('prepare'), env: environments.prepare, before: () => forget('sonar-azdo') },
    'SonarPrepare, unpacking': {
      command: launcher('prepare'), env: environments.prepare,
      before: () => { forget('sonar-azdo'); forget('sonar-azdo-bin'); },
    },
    'SonarPublish': {
      command: launcher('publish'), env: environments.publish,
      before: () => { forget('sonar-azdo'); fs.cpSync(kept, records, { recursive: true }); },
    },
  };
  const results = Object.fromEntries(Object.keys(subjects).map((name) => [name, { cpu: [], wall: [] }]));
  for (let run = 0; run <= runs; run++) {
    for (const [name, { command, env, before }] of Object.entries(subjects)) {
      if (before) before();
      const { cpu, wall, output } = await timed(command, { env, cwd: sources, log });
      if (before && !output.includes('##vso[task.complete result=Succeeded;]')) throw new Error(`${name} did not succeed:\n${output}`);
      if (run === 0) continue; // The first round warms the page cache.
      results[name].cpu.push(cpu);
      results[name].wall.push(wall);
    }
  }

  const binary = path.join(temp, 'sonar-azdo-bin', fs.readdirSync(path.join(temp, 'sonar-azdo-bin'))[0], 'sonar-azdo');
  const memory = {};
  for (const name of ['prepare', 'publish']) {
    subjects[name === 'prepare' ? 'SonarPrepare' : 'SonarPublish'].before();
    const { output } = await timed(['/usr/bin/time', '-f', 'peak %M', binary, 'task', name], { env: environments[name], cwd: sources, log });
    memory[name] = Number(/peak (\d+)/.exec(output)[1]) / 1024;
  }
  await job.close();

  const base = median(results['node -e 0'].cpu);
  console.log(`| launcher and binary, medians of ${runs} alternating runs | CPU ms | ratio to node | wall ms |`);
  console.log('|---|--:|--:|--:|');
  for (const [name, { cpu, wall }] of Object.entries(results)) {
    console.log(`| ${name} | ${median(cpu).toFixed(0)} | ${(median(cpu) / base).toFixed(2)} | ${median(wall).toFixed(0)} |`);
  }
  console.log(`\nPeak memory of the binary: SonarPrepare ${memory.prepare.toFixed(1)} MiB, SonarPublish ${memory.publish.toFixed(1)} MiB`);
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
});
