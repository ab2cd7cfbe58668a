'use strict';
// How long an analysis takes from its start to the report's upload, against SonarSource's own scanners, alternating.
// scripts/bench calls it:
//
//   node bench-scanners.js TASKS URL RUNS SCENARIOS   SCENARIOS: warm,cold,javascript,large, separated by commas
//
// Peers come in the environment: CLI (folder of the SonarScanner CLI), NPM (script of @sonar/scan), PYSONAR (its
// executable), JAVA_HOME for the first. Ours is SonarPrepare and SonarAnalyze by their launchers, both counted.

const fs = require('fs');
const os = require('os');
const path = require('path');
const agent = require('./agent');
const { median, timed } = require('./measure');
const sonarqube = require('./sonarqube');

const ROOT = path.join(__dirname, '..', '..');
const FOLDER = path.join(ROOT, 'target', 'bench-scanners');

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

function peers(url, token) {
  const definitions = (key, folder) => [
    `-Dsonar.projectKey=${key}`, '-Dsonar.sources=.', `-Dsonar.projectBaseDir=${folder}`, `-Dsonar.host.url=${url}`,
    '-Dsonar.scm.disabled=true',
  ];
  const env = (home) => ({ ...process.env, SONAR_TOKEN: token, SONAR_USER_HOME: home });
  const all = {
    'SonarScanner CLI 8.1': process.env.CLI && ((key, folder) => [path.join(process.env.CLI, 'bin', 'sonar-scanner'), ...definitions(key, folder)]),
    '@sonar/scan': process.env.NPM && ((key, folder) => [process.execPath, process.env.NPM, ...definitions(key, folder)]),
    pysonar: process.env.PYSONAR && ((key, folder) => [process.env.PYSONAR, ...definitions(key, folder)]),
  };
  return Object.entries(all).filter(([, command]) => command).map(([name, command]) => ({
    name,
    run: async (key, folder, home, log) => {
      const { cpu, wall, code, output } = await timed(command(key, folder), { env: env(home), cwd: folder, log });
      if (code !== 0) throw new Error(`${name} ended with ${code}:\n${output.slice(-3000)}`);
      return { cpu, wall };
    },
  }));
}

function ours(tasks, url, token) {
  const taskOf = (name) => JSON.parse(fs.readFileSync(path.join(tasks, name, 'task.json'), 'utf8'));
  return {
    name: 'sonar-azdo',
    run: async (key, folder, home, log) => {
      const connection = '5ca1ab1e-0000-4000-8000-000000000003';
      const place = path.join(FOLDER, 'job');
      fs.rmSync(path.join(place, 'temp', 'sonar-azdo'), { recursive: true, force: true });
      const job = await agent.startJob({
        sources: folder, folder: place, output: { write() {} }, variables: { SONAR_USER_HOME: home },
        endpoints: [{ id: connection, url, scheme: 'UsernamePassword', parameters: { username: token } }],
      });
      const inputs = {
        prepare: {
          SonarQube: connection, scannerMode: 'cli', configMode: 'manual', cliProjectKey: key, cliSources: '.',
          extraProperties: 'sonar.scm.disabled=true',
        },
        analyze: {},
      };
      const spent = { cpu: 0, wall: 0 };
      for (const step of ['prepare', 'analyze']) {
        const env = agent.buildEnvironment(job, agent.resolveInputs(job, taskOf(step), inputs[step]));
        const { cpu, wall, output } = await timed(['node', path.resolve(tasks, step, 'run.js')], { env, cwd: folder, log });
        if (!output.includes('##vso[task.complete result=Succeeded;]')) throw new Error(`${step} failed:\n${output.slice(-3000)}`);
        spent.cpu += cpu;
        spent.wall += wall;
        for (const line of output.split('\n')) {
          const command = agent.parseCommand(line);
          if (command && command.event === 'setvariable' && command.properties.issecret === 'true') {
            job.variables.set(command.properties.variable.toLowerCase(), { name: command.properties.variable, value: command.data, secret: true });
          }
        }
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

async function main([tasks, url, runs, scenarios]) {
  fs.rmSync(FOLDER, { recursive: true, force: true });
  const admin = sonarqube.withPassword(url, 'admin', 'admin');
  const log = path.join(FOLDER, 'output.log');
  console.log(`${os.cpus().length} cores, ${os.cpus()[0].model}, ${Math.round(os.totalmem() / 2 ** 30)} GiB; medians of ${runs} alternating runs\n`);
  for (const scenario of scenarios.split(',')) {
    const key = `sonar-azdo-bench-${scenario}`;
    const folder = sources(scenario);
    const token = await sonarqube.prepareProject(admin, key, key);
    const subjects = [ours(tasks, url, token), ...peers(url, token)];
    const results = new Map(subjects.map(({ name }) => [name, { cpu: [], wall: [] }]));
    for (let round = 0; round <= runs; round++) {
      for (const { name, run } of subjects) {
        const home = path.join(FOLDER, 'home', name.replace(/\W/g, '-'));
        if (scenario === 'cold') fs.rmSync(home, { recursive: true, force: true });
        await untilIdle(admin);
        const { cpu, wall } = await run(key, folder, home, log);
        console.error(`${scenario} ${round}/${runs} ${name}: ${(wall / 1000).toFixed(1)} s, CPU ${(cpu / 1000).toFixed(1)} s`);
        if (round === 0) continue; // Fills caches.
        results.get(name).cpu.push(cpu);
        results.get(name).wall.push(wall);
      }
    }
    const mine = results.get('sonar-azdo');
    console.log(`| ${scenario} | wall s | CPU s | ours / its wall | ours / its CPU |\n|---|--:|--:|--:|--:|`);
    for (const [name, { cpu, wall }] of results) {
      const ratio = (of, kind) => (name === 'sonar-azdo' ? '' : (median(mine[kind]) / median(of)).toFixed(2));
      console.log(`| ${name} | ${(median(wall) / 1000).toFixed(1)} | ${(median(cpu) / 1000).toFixed(1)} | ${ratio(wall, 'wall')} | ${ratio(cpu, 'cpu')} |`);
    }
    console.log();
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
});
