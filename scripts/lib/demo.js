'use strict';
// Runs the three steps on a directory or on the bundled sample, and shows the result. scripts/demo calls it:
//
//   node demo.js TASKS [DIR]   TASKS holds the task folders prepare, analyze and publish
//
// If DIR holds a .NET solution or project, a copy of it is built and tested with the `dotnet` in PATH between the steps.
//
// The server is that of SONAR_HOST_URL and SONAR_TOKEN, or a throwaway one at DEMO_SERVER with login admin/admin.

const childProcess = require('child_process');
const fs = require('fs');
const path = require('path');
const { pathToFileURL } = require('url');
const agent = require('./agent');
const sonarqube = require('./sonarqube');
const { renderPage } = require('./render');

const ROOT = path.join(__dirname, '..', '..');
const OUTPUT = path.join(ROOT, 'target', 'demo');
const SUMMARY = 'Distributedtask.Core.Summary';
const PROPERTY = 'sonarglobalqualitygate';
// One condition for each kind of value: percentages, ratings, counts, a duration.
const GATE = [
  ['coverage', 'LT', '80'],
  ['duplicated_lines_density', 'GT', '3'],
  ['reliability_rating', 'GT', '1'],
  ['security_rating', 'GT', '1'],
  ['code_smells', 'GT', '5'],
  ['sqale_index', 'GT', '30'],
];

// What `dotnet build` gets: the path, from the folder, of the topmost solution in it or, without one, of the topmost project; or
// undefined.
function solutionIn(folder) {
  const found = [];
  const look = (below, depth) => {
    for (const entry of fs.readdirSync(path.join(folder, below), { withFileTypes: true })) {
      const name = path.join(below, entry.name);
      if (entry.isDirectory()) {
        if (depth < 3 && !/^(\.|bin$|obj$|node_modules$)/.test(entry.name)) look(name, depth + 1);
      } else if (/\.(slnx?|csproj|vbproj)$/.test(entry.name)) {
        found.push({ name, rank: (/\.slnx?$/.test(name) ? 0 : 10) + depth });
      }
    }
  };
  look('', 0);
  const [first] = found.sort((a, b) => a.rank - b.rank || a.name.localeCompare(b.name));
  return first && first.name;
}

// What is analysed: {key, name, sources, inputs of SonarPrepare, solution}.
function project(dir, folder) {
  if (!dir) {
    const sources = path.join(folder, 'orders');
    checkOut(path.join(ROOT, 'tests', 'data', 'sample-failing'), sources);
    return { key: 'sonar-azdo-demo', name: 'Orders', sources, inputs: { cliSources: 'orders,web,legacy,config' } };
  }
  const name = path.basename(dir);
  const key = name.replace(/[^\w.:-]/g, '-').replace(/^\d*$/, 'project-$&');
  const solution = solutionIn(dir);
  if (solution && !fs.existsSync(path.join(dir, 'sonar-project.properties'))) {
    // The user's folder stays unchanged: a copy is built.
    const sources = path.join(folder, 's');
    checkOut(dir, sources);
    return { key, name, sources, solution, inputs: { scannerMode: 'dotnet', projectKey: key, projectName: name } };
  }
  // The scanner's working files stay out of the user's directory.
  const extraProperties = `sonar.working.directory=${path.join(folder, 'scannerwork')}`;
  const settings = path.join(dir, 'sonar-project.properties');
  if (!fs.existsSync(settings)) return { key, name, sources: dir, inputs: { extraProperties } };
  const own = /^\s*sonar\.projectKey\s*[=:]\s*(\S+)\s*$/m.exec(fs.readFileSync(settings, 'utf8'));
  return { key: own ? own[1] : key, name, sources: dir, inputs: { configMode: 'file', extraProperties } };
}

// Makes a commit, as a pipeline's checkout leaves one: analyses read who wrote which line, and when. A clone keeps its history.
function checkOut(from, to) {
  const isBuilt = (file) => /^(bin|obj|node_modules|\.sonarqube)$/.test(path.basename(file));
  fs.cpSync(from, to, { recursive: true, filter: (file) => file === from || !isBuilt(file) });
  if (fs.existsSync(path.join(to, '.git'))) return;
  const git = (...args) => childProcess.execFileSync('git', [
    '-c', 'user.name=Demo', '-c', 'user.email=demo@example.org', '-c', 'commit.gpgSign=false', ...args,
  ], { cwd: to, stdio: ['ignore', 'ignore', 'inherit'] });
  git('init', '--quiet', '--initial-branch=main');
  git('add', '.');
  git('commit', '--quiet', '--message=Open the shop');
}

async function main(folder, [tasks, dir]) {
  const { key, name, sources, solution, inputs } = project(dir, folder);
  if (solution && childProcess.spawnSync('dotnet', ['--version'], { cwd: sources }).status !== 0) {
    throw new Error(`cannot build ${path.join(dir, solution)}: PATH holds no dotnet with a suitable SDK`);
  }

  const url = (process.env.SONAR_HOST_URL || process.env.DEMO_SERVER).replace(/\/+$/, '');
  let token = process.env.SONAR_TOKEN;
  if (!process.env.SONAR_HOST_URL) {
    const admin = sonarqube.withPassword(url, 'admin', 'admin');
    token = await sonarqube.prepareProject(admin, key, name);
    if (!dir) await sonarqube.setGate(admin, key, 'sonar-azdo demo', GATE);
  }

  const connection = '5ca1ab1e-0000-4000-8000-000000000001';
  const head = childProcess.spawnSync('git', ['rev-parse', 'HEAD'], { cwd: sources, encoding: 'utf8' });
  const job = await agent.startJob({
    sources,
    folder,
    // The commit that was checked out is the one that is built.
    variables: head.status === 0 ? { 'Build.SourceVersion': head.stdout.trim() } : {},
    endpoints: [{ id: connection, url, scheme: 'UsernamePassword', parameters: { username: token } }],
  });
  const step = (task, given, condition) => agent.runTask(job, path.join(tasks, task), given, condition);
  const manual = { configMode: 'manual', cliProjectKey: key, cliProjectName: name };
  const cli = { scannerMode: 'cli', ...(inputs.configMode ? {} : manual) };
  // The user's folder stays unchanged.
  await step('prepare', { SonarQube: connection, unshallow: 'off', ...(solution ? {} : cli), ...inputs });
  if (solution) {
    // As DotNetCoreCLI@2 does: reports go into the temporary folder.
    const collect = ['--logger', 'trx', '--collect', 'XPlat Code Coverage', '--results-directory', path.join(folder, 'temp')];
    await agent.runScript(job, 'dotnet build', ['dotnet', 'build', solution]);
    await agent.runScript(job, 'dotnet test', ['dotnet', 'test', solution, '--no-build', ...collect]);
  }
  const analyze = await step('analyze');
  const publish = await step('publish');
  await job.close();

  const summaries = job.azure.attachments.filter((attachment) => attachment.type === SUMMARY);
  if (analyze.result === 'Skipped' || publish.result === 'Skipped' || !summaries.length) {
    throw new Error('the job failed before there was a verdict; see the errors above');
  }
  const { status } = await sonarqube.gateStatus(sonarqube.withToken(url, token), key);
  const verdict = job.azure.properties[PROPERTY];
  if ((verdict === 'ok') !== (status === 'OK' || status === 'NONE')) {
    throw new Error(`the steps say '${verdict}', but the server says ${status}`);
  }

  const page = path.join(OUTPUT, `${key.replace(/[^\w.-]/g, '-')}.html`);
  fs.writeFileSync(page, renderPage(summaries));
  const bold = (text) => (process.stdout.isTTY ? `\x1b[1;${verdict === 'ok' ? 32 : 31}m${text}\x1b[0m` : text);
  console.log(`\n${bold(`Quality gate ${verdict === 'ok' ? 'passed' : 'failed'}: ${name}`)}\n`);
  const failed = publish.issues.filter((issue) => issue.type === 'error');
  // The text after the dash names project and page, which are shown here anyway.
  for (const { message } of failed) console.log(`  ${message.split(' – ')[0]}`);
  if (failed.length) console.log();
  console.log(`SonarQube      ${url}/dashboard?id=${encodeURIComponent(key)}${process.env.DEMO_SERVER ? '   (login admin, password admin)' : ''}`);
  console.log(`Build Summary  ${pathToFileURL(page)}`);
  if (process.env.DEMO_SERVER) console.log('The server keeps running; scripts/demo --stop ends it.');
}

// Each run has its own folder, so that two can run at the same time.
fs.mkdirSync(OUTPUT, { recursive: true });
const folder = fs.mkdtempSync(path.join(OUTPUT, 'job-'));
main(folder, process.argv.slice(2)).catch((error) => {
  console.error(`demo: ${error.message}`);
  process.exitCode = 1;
}).finally(() => fs.rmSync(folder, { recursive: true, force: true }));
