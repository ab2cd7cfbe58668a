'use strict';
// What the two steps around a .NET build take, against the scanner by itself: SonarPrepare against `begin`, SonarAnalyze
// against `end`, in pairs around builds of the same solution. scripts/bench calls it:
//
//   node bench-dotnet.js TASKS URL RUNS   the task folders, a SonarQube 10.7 with login admin/admin, how often
//
// `dotnet` is in PATH; BENCH_FEED may name the only source of packages. Both run the same version of the scanner. Steps are
// run by their launchers. The bare scanner gets its token as ours does, in SONARQUBE_SCANNER_PARAMS.

const childProcess = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const agent = require('./agent');
const { cleared, median, timed } = require('./measure');
const sonarqube = require('./sonarqube');

const ROOT = path.join(__dirname, '..', '..');
const FOLDER = path.join(ROOT, 'target', 'bench-dotnet');
const OURS = 'sonar-azdo';
const BARE = 'dotnet-sonarscanner';
// What SonarPrepare chooses for SonarQube 10.7.
const VERSION = '11.3.0';
const CONNECTION = '5ca1ab1e-0000-4000-8000-000000000004';

// A command that has to succeed, and is not measured.
function run(command, options) {
  const done = childProcess.spawnSync(command[0], command.slice(1), { encoding: 'utf8', maxBuffer: 1 << 28, ...options });
  if (done.status !== 0) throw new Error(`${command.join(' ')} ended with ${done.status}:\n${done.error || `${done.stdout}${done.stderr}`.slice(-3000)}`);
}

// A job of its own for each subject: it has its own folder, home and caches.
async function place(name, url, token) {
  const folder = path.join(FOLDER, name);
  const sources = path.join(folder, 's');
  const home = path.join(folder, 'home');
  fs.cpSync(path.join(ROOT, 'tests', 'data', 'dotnet-shop'), sources, { recursive: true });
  fs.mkdirSync(path.join(home, '.nuget', 'NuGet'), { recursive: true });
  if (process.env.BENCH_FEED) {
    const source = `<add key="feed" value="${process.env.BENCH_FEED}" />`;
    fs.writeFileSync(
      path.join(home, '.nuget', 'NuGet', 'NuGet.Config'),
      `<configuration><packageSources><clear />${source}</packageSources></configuration>\n`,
    );
  }
  const job = await agent.startJob({
    sources,
    folder,
    output: { write() {} },
    endpoints: [{ id: CONNECTION, url, scheme: 'UsernamePassword', parameters: { username: token } }],
    variables: {
      HOME: home, SONAR_USER_HOME: path.join(home, '.sonar'), NUGET_PACKAGES: path.join(FOLDER, 'packages'),
      DOTNET_NOLOGO: '1', DOTNET_CLI_TELEMETRY_OPTOUT: '1', MSBUILDDISABLENODEREUSE: '1', UseSharedCompilation: 'false',
    },
  });
  return { name, job, folder, sources, log: path.join(folder, 'output.log'), env: () => agent.scriptEnvironment(job) };
}

async function build({ env, sources }) {
  run(['dotnet', 'build', '--no-incremental', 'Shop.slnx'], { cwd: sources, env: await env() });
}

// The scanner by itself: {begin, end}, each {cpu, wall, peak}.
async function bare(at, url, token, key) {
  const properties = { 'sonar.host.url': url, 'sonar.token': token, 'sonar.scm.disabled': 'true' };
  const env = { ...cleared(await at.env()), SONARQUBE_SCANNER_PARAMS: JSON.stringify(properties) };
  const scanner = path.join(FOLDER, 'tool', 'dotnet-sonarscanner');
  const part = async (args, expected) => {
    const spent = await timed([scanner, ...args], { env, cwd: at.sources, log: at.log });
    if (spent.code !== 0 || !spent.output.includes(expected)) throw new Error(`${args[0]} ended with ${spent.code}:\n${spent.output.slice(-3000)}`);
    return spent;
  };
  const begin = await part(['begin', `/k:${key}`], 'Pre-processing succeeded.');
  await build(at);
  return { begin, end: await part(['end'], 'Post-processing succeeded.') };
}

// Our two steps, by their launchers.
async function ours(at, tasks, key) {
  fs.rmSync(path.join(at.folder, 'temp', 'sonar-azdo'), { recursive: true, force: true });
  const inputs = {
    prepare: { SonarQube: CONNECTION, scannerMode: 'dotnet', unshallow: 'off', projectKey: key, extraProperties: 'sonar.scm.disabled=true' },
    analyze: {},
  };
  const part = async (step) => {
    const env = cleared(await agent.taskEnvironment(at.job, path.join(tasks, step), inputs[step]));
    const spent = await timed(['node', path.resolve(tasks, step, 'run.js')], { env, cwd: at.sources, log: at.log });
    if (!spent.output.includes('##vso[task.complete result=Succeeded;]')) throw new Error(`${step} failed:\n${spent.output.slice(-3000)}`);
    await agent.takeOutput(at.job, path.join(tasks, step), spent.output);
    return spent;
  };
  const begin = await part('prepare');
  await build(at);
  return { begin, end: await part('analyze') };
}

// The server processes reports beside the next analysis otherwise.
async function untilIdle(admin) {
  for (;;) {
    const { pending, inProgress } = await sonarqube.call(admin, 'GET', 'ce/activity_status');
    if (!pending && !inProgress) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function main([tasks, url, count]) {
  const runs = Number(count);
  fs.rmSync(FOLDER, { recursive: true, force: true });
  const admin = sonarqube.withPassword(url, 'admin', 'admin');
  const { version } = await sonarqube.call(admin, 'GET', 'system/status');
  const key = (name) => `sonar-azdo-bench-dotnet-${name}`;
  const subjects = [];
  for (const name of [BARE, OURS]) {
    const token = await sonarqube.prepareProject(admin, key(name), key(name));
    const at = await place(name, url, token);
    subjects.push({ at, measure: () => (name === OURS ? ours(at, tasks, key(name)) : bare(at, url, token, key(name))) });
  }
  const first = subjects[0].at;
  run(['dotnet', 'tool', 'install', BARE, '--version', VERSION, '--tool-path', path.join(FOLDER, 'tool')], { cwd: first.folder, env: await first.env() });

  const results = new Map(subjects.map(({ at }) => [at.name, []]));
  // The first two rounds fill the caches: the third run writes, and the next ones use, the archive of classes.
  for (let round = 1; round <= runs + 2; round++) {
    for (const { at, measure } of round % 2 ? subjects : [...subjects].reverse()) {
      await untilIdle(admin);
      const spent = await measure();
      const shown = Object.entries(spent).map(([part, { cpu, wall }]) => `${part} ${(wall / 1000).toFixed(2)} s, CPU ${(cpu / 1000).toFixed(2)} s`);
      console.error(`${round}/${runs + 2} ${at.name}: ${shown.join('; ')}`);
      if (round > 2) results.get(at.name).push(spent);
    }
  }
  for (const { at } of subjects) await at.job.close();

  console.log(`SonarQube ${version}, SonarScanner for .NET ${VERSION}; ${os.cpus().length} cores, ${os.cpus()[0].model}; ${runs} alternating pairs, from the third run on\n`);
  console.log('| medians | wall s | CPU s | peak MiB | ours / bare: wall | CPU |\n|---|--:|--:|--:|--:|--:|');
  const rows = [[OURS, 'begin', 'SonarPrepare'], [BARE, 'begin', 'bare `begin`'], [OURS, 'end', 'SonarAnalyze'], [BARE, 'end', 'bare `end`']];
  for (const [name, part, shown] of rows) {
    const of = (kind) => median(results.get(name).map((spent) => spent[part][kind]));
    // The ratios of the pairs, because neighbours share the machine's mood.
    const ratio = (kind) => (name === BARE ? ''
      : median(results.get(OURS).map((spent, pair) => spent[part][kind] / results.get(BARE)[pair][part][kind])).toFixed(2));
    console.log(`| ${[shown, (of('wall') / 1000).toFixed(2), (of('cpu') / 1000).toFixed(2), of('peak').toFixed(0), ratio('wall'), ratio('cpu')].join(' | ')} |`);
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
});
