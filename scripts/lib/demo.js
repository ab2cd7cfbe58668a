'use strict';
// Runs the three steps on a directory, or on the bundled sample, and shows the outcome. scripts/demo calls it:
//
//   node demo.js TASKS [DIR]   TASKS holds the task folders prepare, analyze and publish
//
// The server is the one of SONAR_HOST_URL and SONAR_TOKEN, or a throw-away one at DEMO_SERVER with login admin/admin.

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

// What is analysed: {key, name, sources, inputs of SonarPrepare}.
function project(dir, folder) {
  if (!dir) {
    const sources = path.join(folder, 'orders');
    checkOut(path.join(ROOT, 'tests', 'data', 'sample-failing'), sources);
    return { key: 'sonar-azdo-demo', name: 'Orders', sources, inputs: { cliSources: 'orders,web,legacy,config' } };
  }
  const name = path.basename(dir);
  const key = name.replace(/[^\w.:-]/g, '-').replace(/^\d*$/, 'project-$&');
  // The scanner's working files stay out of somebody's directory.
  const extraProperties = `sonar.working.directory=${path.join(folder, 'scannerwork')}`;
  const settings = path.join(dir, 'sonar-project.properties');
  if (!fs.existsSync(settings)) return { key, name, sources: dir, inputs: { extraProperties } };
  const own = /^\s*sonar\.projectKey\s*[=:]\s*(\S+)\s*$/m.exec(fs.readFileSync(settings, 'utf8'));
  return { key: own ? own[1] : key, name, sources: dir, inputs: { configMode: 'file', extraProperties } };
}

// A commit of its own, as a pipeline's checkout leaves it: analyses read who wrote which line, and when.
function checkOut(from, to) {
  fs.cpSync(from, to, { recursive: true });
  const git = (...args) => childProcess.execFileSync('git', [
    '-c', 'user.name=Demo', '-c', 'user.email=demo@example.org', '-c', 'commit.gpgSign=false', ...args,
  ], { cwd: to, stdio: ['ignore', 'ignore', 'inherit'] });
  git('init', '--quiet', '--initial-branch=main');
  git('add', '.');
  git('commit', '--quiet', '--message=Open the shop');
}

async function main(folder, [tasks, dir]) {
  const { key, name, sources, inputs } = project(dir, folder);

  const url = (process.env.SONAR_HOST_URL || process.env.DEMO_SERVER).replace(/\/+$/, '');
  let token = process.env.SONAR_TOKEN;
  if (!process.env.SONAR_HOST_URL) {
    const admin = sonarqube.withPassword(url, 'admin', 'admin');
    token = await sonarqube.prepareProject(admin, key, name);
    if (!dir) await sonarqube.setGate(admin, key, 'sonar-azdo demo', GATE);
  }

  const connection = '5ca1ab1e-0000-4000-8000-000000000001';
  const job = await agent.startJob({
    sources,
    folder,
    endpoints: [{ id: connection, url, scheme: 'UsernamePassword', parameters: { username: token } }],
  });
  const step = (task, given, condition) => agent.runTask(job, path.join(tasks, task), given, condition);
  const manual = { configMode: 'manual', cliProjectKey: key, cliProjectName: name };
  // A folder of somebody's own stays as it is.
  await step('prepare', { SonarQube: connection, scannerMode: 'cli', unshallow: 'off', ...(inputs.configMode ? {} : manual), ...inputs });
  const analyze = await step('analyze');
  const publish = await step('publish');
  await job.close();

  const summaries = job.azure.attachments.filter((attachment) => attachment.type === SUMMARY);
  if (analyze.result === 'Skipped' || publish.result === 'Skipped' || !summaries.length) {
    throw new Error('the job broke before a verdict was reached; the errors above say why');
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
  // What comes after a dash names project and page, which stand here anyway.
  for (const { message } of failed) console.log(`  ${message.split(' – ')[0]}`);
  if (failed.length) console.log();
  console.log(`SonarQube      ${url}/dashboard?id=${encodeURIComponent(key)}${process.env.DEMO_SERVER ? '   (login admin, password admin)' : ''}`);
  console.log(`Build Summary  ${pathToFileURL(page)}`);
  if (process.env.DEMO_SERVER) console.log('The server keeps running; scripts/demo --stop ends it.');
}

// Each run has a folder of its own, so that two can run at a time.
fs.mkdirSync(OUTPUT, { recursive: true });
const folder = fs.mkdtempSync(path.join(OUTPUT, 'job-'));
main(folder, process.argv.slice(2)).catch((error) => {
  console.error(`demo: ${error.message}`);
  process.exitCode = 1;
}).finally(() => fs.rmSync(folder, { recursive: true, force: true }));
