'use strict';
// How long an analysis takes from its start to the report's upload, against SonarSource's own scanners and the bare
// scanner engine, alternating. scripts/bench calls it:
//
//   node bench-scanners.js TASKS URL RUNS SCENARIOS [all]   SCENARIOS: warm,cold,javascript,large,own, separated by
//                                                           commas; all: every subject in the large one, too
//
// Peers come in the environment: CLI (folder of the SonarScanner CLI), NPM (script of @sonar/scan), PYSONAR (its
// executable), JAVA_HOME for the first. Ours is SonarPrepare and SonarAnalyze by their launchers, both counted. The
// bare engine is its jar on the server's Java without any option, given the same properties: what no scanner can avoid.

const fs = require('fs');
const os = require('os');
const path = require('path');
const agent = require('./agent');
const { median, timed } = require('./measure');
const sonarqube = require('./sonarqube');

const ROOT = path.join(__dirname, '..', '..');
const FOLDER = path.join(ROOT, 'target', 'bench-scanners');
const OURS = 'sonar-azdo';
const BARE = 'bare engine';

const PYTHON = (name) => `"""Orders of ${name}."""


def total(items):
    """Price of all items."""
    result = 0
    for item in items:
        result += item.price * item.count
    return result


def describe(name, items):
    """One line about an order."""
    if not items:
        return name + " is empty"
    return "%s has %d items, %d in all" % (name, len(items), total(items))
`;
const JAVASCRIPT = 'export function total(items) {\n  return items.reduce((sum, item) => sum + item.price * item.count, 0);\n}\n';

// Writes the sources of a scenario and returns their folder.
function sources(scenario) {
  const folder = path.join(FOLDER, 'sources', scenario);
  fs.mkdirSync(folder, { recursive: true });
  const files = scenario === 'large' ? 400 : 3;
  for (let file = 0; file < files; file++) {
    // About 325 lines a file in the large one: 130,000 in all.
    const parts = scenario === 'large' ? 18 : 1;
    const text = Array.from({ length: parts }, (_, part) => PYTHON(`shop ${file}.${part}`).replace(/(def )(\w+)/g, `$1$2_${part}`)).join('\n\n');
    fs.writeFileSync(path.join(folder, `orders_${file}.py`), text);
  }
  if (scenario === 'javascript') fs.writeFileSync(path.join(folder, 'total.js'), JAVASCRIPT);
  return folder;
}

// What each subject is told about the project.
const definitions = (key, folder, url) => ({
  'sonar.projectKey': key, 'sonar.sources': '.', 'sonar.projectBaseDir': folder, 'sonar.host.url': url, 'sonar.scm.disabled': 'true',
});

async function succeeded(name, command, options) {
  const result = await timed(command, options);
  if (result.code !== 0) throw new Error(`${name} ended with ${result.code}:\n${result.output.slice(-3000)}`);
  return result;
}

function peers(url, token) {
  const { CLI, NPM, PYSONAR } = process.env;
  const commands = {
    'SonarScanner CLI 8.1': CLI && [path.join(CLI, 'bin', 'sonar-scanner')],
    '@sonar/scan': NPM && [process.execPath, NPM],
    pysonar: PYSONAR && [PYSONAR],
  };
  return Object.entries(commands).filter(([, command]) => command).map(([name, command]) => ({
    name,
    run: (key, folder, home, log) => {
      const properties = Object.entries(definitions(key, folder, url)).map(([property, value]) => `-D${property}=${value}`);
      const env = { ...process.env, SONAR_TOKEN: token, SONAR_USER_HOME: home };
      return succeeded(name, [...command, ...properties], { env, cwd: folder, log });
    },
  }));
}

// The engine and the server's Java as `provisioned()`, a home that a scanner has filled, holds them.
function bareEngine(url, token, provisioned) {
  const find = (folder, name) => {
    for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
      const file = path.join(folder, entry.name);
      const found = entry.isDirectory() ? find(file, name) : name.test(file) && file;
      if (found) return found;
    }
    return null;
  };
  return {
    name: BARE,
    run: (key, folder, home, log) => {
      const cache = path.join(provisioned(), 'cache');
      const java = find(cache, /[\\/]bin[\\/]java(\.exe)?$/);
      const jar = find(cache, /[\\/]sonar-scanner-engine[^\\/]*\.jar$/);
      const properties = { ...definitions(key, folder, url), 'sonar.token': token, 'sonar.scanner.app': 'bare', 'sonar.scanner.appVersion': '1' };
      const stdin = path.join(FOLDER, 'engine-input.json');
      const scannerProperties = Object.entries(properties).map(([property, value]) => ({ key: property, value }));
      fs.writeFileSync(stdin, JSON.stringify({ scannerProperties }));
      return succeeded(BARE, [java, '-jar', jar], { env: { ...process.env, SONAR_USER_HOME: home }, cwd: folder, log, stdin });
    },
  };
}

// Our two steps. `options` are for Java. Both launchers count, or what each of `commands` makes of a launcher.
function ours(tasks, url, token, { name = OURS, options, command = (launcher) => launcher } = {}) {
  return {
    name,
    run: async (key, folder, home, log) => {
      const connection = '5ca1ab1e-0000-4000-8000-000000000003';
      const place = path.join(FOLDER, 'job');
      fs.rmSync(path.join(place, 'temp', 'sonar-azdo'), { recursive: true, force: true });
      const variables = { SONAR_USER_HOME: home };
      if (options) variables.SONAR_SCANNER_JAVA_OPTS = options;
      const job = await agent.startJob({
        sources: folder, folder: place, output: { write() {} }, variables,
        endpoints: [{ id: connection, url, scheme: 'UsernamePassword', parameters: { username: token } }],
      });
      const inputs = {
        prepare: {
          SonarQube: connection, scannerMode: 'cli', configMode: 'manual', cliProjectKey: key, cliSources: '.',
          extraProperties: 'sonar.scm.disabled=true',
        },
        analyze: {},
      };
      const spent = { cpu: 0, wall: 0, peak: 0 };
      for (const step of ['prepare', 'analyze']) {
        const env = await agent.taskEnvironment(job, path.join(tasks, step), inputs[step]);
        const launcher = ['node', path.resolve(tasks, step, 'run.js')];
        const { cpu, wall, peak, output } = await timed(command(launcher, step), { env, cwd: folder, log });
        if (!output.includes('##vso[task.complete result=Succeeded;]')) throw new Error(`${step} failed:\n${output.slice(-3000)}`);
        spent.cpu += cpu;
        spent.wall += wall;
        spent.peak = Math.max(spent.peak, peak);
        await agent.takeOutput(job, path.join(tasks, step), output);
      }
      await job.close();
      return spent;
    },
  };
}

// The server processes reports beside the next analysis otherwise.
async function untilIdle(admin) {
  for (;;) {
    const { pending, inProgress } = await sonarqube.call(admin, 'GET', 'ce/activity_status');
    if (!pending && !inProgress) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

// Runs the subjects `runs` times, once more before to fill caches and page cache, and turns the order about each time.
// Resolves to their results by name: {cpu, wall, peak}, each a list.
async function rounds(title, runs, subjects, { admin, key, folder, cold }) {
  const log = path.join(FOLDER, 'output.log');
  const results = new Map(subjects.map(({ name }) => [name, { cpu: [], wall: [], peak: [] }]));
  for (let round = 0; round <= runs; round++) {
    for (const { name, run } of round % 2 ? [...subjects].reverse() : subjects) {
      const home = path.join(FOLDER, 'home', name.replace(/\W/g, '-'));
      if (cold) fs.rmSync(home, { recursive: true, force: true });
      await untilIdle(admin);
      const { cpu, wall, peak } = await run(key, folder, home, log);
      console.error(`${title} ${round}/${runs} ${name}: ${(wall / 1000).toFixed(2)} s, CPU ${(cpu / 1000).toFixed(2)} s, ${peak.toFixed(0)} MiB`);
      if (round === 0) continue;
      const result = results.get(name);
      result.cpu.push(cpu);
      result.wall.push(wall);
      result.peak.push(peak);
    }
  }
  return results;
}

// The table of a scenario, as docs/performance.md shows it.
function print(title, results) {
  const mine = results.get(OURS);
  console.log(`| ${title} | wall s | CPU s | peak MiB | ours / its wall | ours / its CPU | ours / its peak |\n|---|--:|--:|--:|--:|--:|--:|`);
  for (const [name, of] of results) {
    const ratio = (kind) => (name === OURS ? '' : (median(mine[kind]) / median(of[kind])).toFixed(2));
    const cells = [
      name, (median(of.wall) / 1000).toFixed(2), (median(of.cpu) / 1000).toFixed(2), median(of.peak).toFixed(0),
      ratio('wall'), ratio('cpu'), ratio('peak'),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
  console.log();
}

// What is ours of an analysis: both steps around a Java that prints its version and ends. Everything before it happens
// as ever, with warm caches; what that Java costs by itself is taken off.
async function own(tasks, url, token, runs, place) {
  const options = '--version';
  const binary = (launcher, step) => {
    const folder = path.join(FOLDER, 'job', 'temp', 'sonar-azdo-bin');
    return [fs.readFileSync(path.join(folder, fs.readdirSync(folder)[0], 'path'), 'utf8'), 'task', step];
  };
  let java;
  const subjects = [
    ours(tasks, url, token, { name: 'launchers and binary', options }),
    ours(tasks, url, token, { name: 'binary', options, command: binary }),
    {
      name: 'java --version',
      run: async (key, folder, home, log) => {
        java = java || /Using Java.*: (\/.*)/.exec(fs.readFileSync(log, 'utf8'))[1];
        return succeeded('java', [java, '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '--version'], { env: process.env, cwd: folder, log });
      },
    },
    { name: 'node -e 0', run: (key, folder, home, log) => succeeded('node', ['node', '-e', '0'], { env: process.env, cwd: folder, log }) },
  ];
  const results = await rounds('own', runs, subjects, place);
  const cpu = (name) => median(results.get(name).cpu);
  console.log('| own share: SonarPrepare and SonarAnalyze, warm caches, without Java | CPU ms |\n|---|--:|');
  for (const name of ['binary', 'launchers and binary']) console.log(`| ${name} | ${(cpu(name) - cpu('java --version')).toFixed(0)} |`);
  console.log(`| for comparison: \`node -e 0\` twice | ${(2 * cpu('node -e 0')).toFixed(0)} |\n`);
}

async function main([tasks, url, count, scenarios, all]) {
  const runs = Number(count);
  fs.rmSync(FOLDER, { recursive: true, force: true });
  const admin = sonarqube.withPassword(url, 'admin', 'admin');
  const { version } = await sonarqube.call(admin, 'GET', 'system/status');
  const memory = Math.round(os.totalmem() / 2 ** 30);
  console.log(`SonarQube ${version}; ${os.cpus().length} cores, ${os.cpus()[0].model}, ${memory} GiB; medians of ${runs} alternating runs\n`);
  for (const scenario of scenarios.split(',')) {
    const key = `sonar-azdo-bench-${scenario}`;
    const folder = sources(scenario);
    const token = await sonarqube.prepareProject(admin, key, key);
    const place = { admin, key, folder, cold: scenario === 'cold' };
    if (scenario === 'own') {
      await own(tasks, url, token, runs, place);
      continue;
    }
    const bare = bareEngine(url, token, () => path.join(FOLDER, 'home', OURS));
    const subjects = [ours(tasks, url, token)];
    if (scenario !== 'large' || all) subjects.push(...peers(url, token));
    // Without a cache there is no engine.
    if (scenario !== 'cold') subjects.push(bare);
    print(scenario, await rounds(scenario, runs, subjects, place));
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
});
