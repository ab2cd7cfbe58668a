'use strict';
// A stand-in for an Azure Pipelines agent: runs task folders one after another with the environment an
// agent builds, obeys the logging commands they print, and answers as the Azure DevOps of the job.
// Written after the agent's documented rules; enough of them for a demonstration, on Node 16 and later.

const childProcess = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const os = require('os');
const path = require('path');
const readline = require('readline');

// --- logging commands -----------------------------------------------------------------------------

const PREFIX = '##vso[';
const ESCAPES = [[/%3B/g, ';'], [/%0D/g, '\r'], [/%0A/g, '\n'], [/%5D/g, ']'], [/%AZP25/g, '%']];
const unescape = (text) => ESCAPES.reduce((done, [code, character]) => done.replace(code, character), text);

// The command in a line, wherever it begins, or null: {area, event, properties (names in lower case), data}.
function parseCommand(line) {
  const start = line.indexOf(PREFIX);
  const end = start < 0 ? -1 : line.indexOf(']', start);
  if (end < 0) return null;
  const header = line.slice(start + PREFIX.length, end);
  const space = header.indexOf(' ');
  const names = (space < 0 ? header : header.slice(0, space)).split('.').filter(Boolean);
  if (names.length !== 2) return null;
  const properties = {};
  for (const pair of space < 0 ? [] : header.slice(space + 1).trim().split(';')) {
    const equals = pair.indexOf('=');
    if (equals >= 0) properties[pair.slice(0, equals).toLowerCase()] = unescape(pair.slice(equals + 1));
  }
  return {
    area: names[0].toLowerCase(),
    event: names[1].toLowerCase(),
    properties,
    data: unescape(line.slice(end + 1)),
  };
}

// --- Azure DevOps ---------------------------------------------------------------------------------

// Serves, on loopback, what the job may ask of Azure DevOps: properties and attachments of its build, and
// the default branch of its repository. `calls` lists what was asked.
async function startAzureDevOps({ accessToken, defaultBranch = 'refs/heads/main' }) {
  const azure = { properties: {}, attachments: [], calls: [] };
  const answer = (response, status, body, type = 'application/json') => {
    response.writeHead(status, { 'Content-Type': `${type}; charset=utf-8` });
    response.end(type === 'application/json' ? JSON.stringify(body) : body);
  };
  const properties = () => {
    const value = {};
    for (const [name, text] of Object.entries(azure.properties)) value[name] = { $type: 'System.String', $value: text };
    return { count: Object.keys(value).length, value };
  };
  const serve = (request, response, body) => {
    const { pathname } = new URL(request.url, azure.url);
    azure.calls.push(`${request.method} ${request.url}`);
    if (request.headers.authorization !== `Bearer ${accessToken}`) return answer(response, 401, { message: 'Access denied' });
    const build = /\/_apis\/build\/builds\/\d+\/(properties|attachments)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(pathname);
    if (build && build[1] === 'properties') {
      if (request.method === 'PATCH') {
        for (const { path: pointer, value } of JSON.parse(body)) azure.properties[pointer.replace(/^\//, '')] = String(value);
      }
      return answer(response, 200, properties());
    }
    if (build) {
      const [type, name] = build.slice(2).map((part) => part && decodeURIComponent(part));
      const found = azure.attachments.filter((one) => one.type === type && (!name || one.name === name));
      if (name && found.length) return answer(response, 200, found[0].content, 'text/plain');
      const value = found.map((one) => ({
        name: one.name,
        _links: { self: { href: `${azure.url}${pathname}/${encodeURIComponent(one.name)}` } },
      }));
      return answer(response, 200, { count: value.length, value });
    }
    const repository = /\/_apis\/git\/repositories\/([^/]+)$/.exec(pathname);
    if (repository) return answer(response, 200, { id: repository[1], name: repository[1], defaultBranch });
    return answer(response, 404, { message: `The stand-in for Azure DevOps has no ${pathname}` });
  };
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      try {
        serve(request, response, Buffer.concat(chunks).toString());
      } catch (error) {
        answer(response, 400, { message: error.message });
      }
    });
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  azure.url = `http://127.0.0.1:${server.address().port}`;
  azure.close = () => new Promise((resolve) => {
    server.close(resolve);
    if (server.closeAllConnections) server.closeAllConnections();
  });
  return azure;
}

// --- the job --------------------------------------------------------------------------------------

const RESULTS = ['Succeeded', 'SucceededWithIssues', 'Skipped', 'Canceled', 'Failed'];
const worst = (a, b) => (RESULTS.indexOf(b) > RESULTS.indexOf(a) ? b : a);
const environmentName = (name) => name.replace(/[. ]/g, '_').toUpperCase();
const isTrue = (text) => /^true$/i.test(text || '');

const CONDITIONS = {
  succeeded: (result) => RESULTS.indexOf(result) < RESULTS.indexOf('Skipped'),
  failed: (result) => result === 'Failed',
  succeededOrFailed: (result) => result !== 'Canceled',
  always: () => true,
};

// What of this process's own environment a job must not see: another job's values, and a user's own server.
const FOREIGN = /^(AGENT|BUILD|ENDPOINT|INPUT|SECRET|SECUREFILE|SYSTEM|VSTS)_|^SONAR_(HOST_URL|TOKEN)$|^SONARQUBE_SCANNER_PARAMS$/;

const COLOURS = { error: 31, warning: 33, section: 32, command: 34, debug: 36, group: 1, endgroup: 1 };

// Starts a job of a build of refs/heads/main, kept in Azure Repos, checked out at `sources`.
// `folder` takes its temporary, staging and tool folders; `endpoints` are its service connections, each
// {id, url, scheme, parameters}; `variables` come over the predefined ones; lines go to `output`.
async function startJob({ sources, folder, endpoints = [], variables = {}, output = process.stdout }) {
  const accessToken = crypto.randomBytes(24).toString('hex');
  const azure = await startAzureDevOps({ accessToken });
  const repository = path.basename(sources);
  const job = { azure, folder, sources, output, result: 'Succeeded', steps: [], secrets: new Set(), variables: new Map(), paths: [] };

  const inFolder = (name) => {
    fs.mkdirSync(path.join(folder, name), { recursive: true });
    return path.join(folder, name);
  };
  const predefined = {
    'Agent.BuildDirectory': folder,
    'Agent.Name': 'stand-in',
    'Agent.OS': { darwin: 'Darwin', win32: 'Windows_NT' }[process.platform] || 'Linux',
    'Agent.OSArchitecture': process.arch.toUpperCase(),
    'Agent.TempDirectory': inFolder('temp'),
    'Agent.ToolsDirectory': inFolder('tools'),
    'Agent.Version': '4.260.0',
    'Agent.WorkFolder': folder,
    'Build.ArtifactStagingDirectory': inFolder('a'),
    'Build.BinariesDirectory': inFolder('b'),
    'Build.BuildId': '1',
    'Build.BuildNumber': '1',
    'Build.BuildUri': 'vstfs:///Build/Build/1',
    'Build.DefinitionName': repository,
    'Build.Reason': 'Manual',
    'Build.Repository.ID': crypto.randomUUID(),
    'Build.Repository.LocalPath': sources,
    'Build.Repository.Name': repository,
    'Build.Repository.Provider': 'TfsGit',
    'Build.Repository.Uri': `${azure.url}/demo/_git/${encodeURIComponent(repository)}`,
    'Build.SourceBranch': 'refs/heads/main',
    'Build.SourceBranchName': 'main',
    'Build.SourcesDirectory': sources,
    'Build.SourceVersion': crypto.randomBytes(20).toString('hex'),
    'System.CollectionUri': `${azure.url}/`,
    'System.DefaultWorkingDirectory': sources,
    'System.HostType': 'build',
    'System.JobAttempt': '1',
    'System.JobId': crypto.randomUUID(),
    'System.JobName': '__default',
    'System.PhaseName': 'Job',
    'System.StageAttempt': '1',
    'System.StageName': '__default',
    'System.TeamFoundationCollectionUri': `${azure.url}/`,
    'System.TeamFoundationServerUri': `${azure.url}/`,
    'System.TeamProject': 'demo',
    'System.TeamProjectId': crypto.randomUUID(),
    TF_BUILD: 'True',
  };
  for (const [name, value] of Object.entries({ ...predefined, ...variables })) setVariable(job, name, value);
  setVariable(job, 'System.AccessToken', accessToken, { secret: true });

  job.endpoints = [...endpoints, {
    id: 'SYSTEMVSSCONNECTION', url: `${azure.url}/`, scheme: 'OAuth', parameters: { AccessToken: accessToken },
  }];
  for (const { parameters } of job.endpoints) Object.values(parameters).forEach((value) => addSecret(job, value));
  job.close = () => azure.close();
  return job;
}

function setVariable(job, name, value, { secret = false, readOnly = false } = {}) {
  const key = name.toLowerCase();
  const old = job.variables.get(key);
  if (old && old.readOnly) throw new Error(`variable ${name} is read-only`);
  if (secret && /[\r\n]/.test(value)) throw new Error(`secret variable ${name} has more than one line`);
  if (secret) addSecret(job, value);
  job.variables.set(key, { name: old ? old.name : name, value, secret: secret || Boolean(old && old.secret), readOnly });
}

function addSecret(job, value) {
  for (const form of [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value)]) {
    if (form) job.secrets.add(form);
  }
}

function mask(job, text) {
  return [...job.secrets].sort((a, b) => b.length - a.length).reduce((done, secret) => done.split(secret).join('***'), text);
}

// One line of the job's log, as the web page shows it: masked, and coloured by its ##[...] mark on a terminal.
function print(job, text) {
  const line = mask(job, text);
  const [, mark, rest] = /^##\[(\w+)\](.*)$/s.exec(line) || [];
  if (job.output.isTTY && mark in COLOURS) {
    const label = mark === 'error' || mark === 'warning' ? `${mark}: ` : '';
    job.output.write(`\x1b[${COLOURS[mark]}m${label}${rest}\x1b[0m\n`);
  } else {
    job.output.write(`${line}\n`);
  }
}

// $(name) becomes the variable's value; an unknown one stays as written.
const expand = (job, text) => text.replace(/\$\(([^()]+)\)/g, (whole, name) => {
  const variable = job.variables.get(name.toLowerCase());
  return variable ? variable.value : whole;
});

// Every input of a task under its own name: as given by name or alias, else its default.
function resolveInputs(job, task, given) {
  const known = new Map();
  for (const input of task.inputs || []) {
    for (const name of [input.name, ...(input.aliases || [])]) known.set(name.toLowerCase(), input);
  }
  const values = new Map();
  for (const input of task.inputs || []) values.set(input.name, input.defaultValue || '');
  for (const [name, value] of Object.entries(given)) {
    const input = known.get(name.toLowerCase());
    if (!input) throw new Error(`task ${task.name} has no input '${name}'`);
    values.set(input.name, String(value));
  }
  for (const [name, value] of values) {
    const expanded = expand(job, value);
    // The agent makes paths absolute, and an empty one the sources' folder.
    const isPath = known.get(name.toLowerCase()).type === 'filePath';
    values.set(name, isPath ? path.resolve(job.sources, expanded) : expanded);
  }
  return values;
}

function buildEnvironment(job, inputs) {
  const environment = {};
  for (const [name, value] of Object.entries(process.env)) if (!FOREIGN.test(name)) environment[name] = value;
  const names = { public: [], secret: [] };
  for (const { name, value, secret } of job.variables.values()) {
    names[secret ? 'secret' : 'public'].push(name);
    environment[`${secret ? 'SECRET_' : ''}${environmentName(name)}`] = value;
  }
  environment.VSTS_PUBLIC_VARIABLES = JSON.stringify(names.public);
  environment.VSTS_SECRET_VARIABLES = JSON.stringify(names.secret);
  for (const [name, value] of inputs) environment[`INPUT_${environmentName(name)}`] = value;
  for (const { id, url, scheme, parameters } of job.endpoints) {
    environment[`ENDPOINT_URL_${id}`] = url;
    environment[`ENDPOINT_AUTH_${id}`] = JSON.stringify({ parameters, scheme });
    environment[`ENDPOINT_AUTH_SCHEME_${id}`] = scheme;
    for (const [key, value] of Object.entries(parameters)) {
      environment[`ENDPOINT_AUTH_PARAMETER_${id}_${key.toUpperCase()}`] = value;
    }
  }
  if (job.paths.length) environment.PATH = [...job.paths, environment.PATH].join(path.delimiter);
  return environment;
}

// Carries out one command; an exception fails the step, as on the agent.
function obey(job, step, { area, event, properties, data }) {
  const required = (name) => {
    if (!properties[name]) throw new Error(`##vso[${area}.${event}] lacks its property '${name}'`);
    return properties[name];
  };
  const attach = (type, name, file) => {
    for (const part of [type, name]) {
      // eslint-disable-next-line no-control-regex
      if (/[\x00-\x1f"<>|:*?\\/]/.test(part)) throw new Error(`'${part}' has characters no attachment may have`);
    }
    if (!fs.existsSync(file)) throw new Error(`the attachment ${file} does not exist`);
    job.azure.attachments.push({ type, name, content: fs.readFileSync(file) });
  };
  const commands = {
    'task.setvariable': () => setVariable(
      job,
      isTrue(properties.isoutput) ? `${step.reference}.${required('variable')}` : required('variable'),
      data,
      { secret: isTrue(properties.issecret), readOnly: isTrue(properties.isreadonly) },
    ),
    'task.setsecret': () => addSecret(job, data),
    'task.setprogress': () => print(job, `${properties.value || 0} %${data && ` ${data}`}`),
    'task.logissue': () => {
      const type = required('type').toLowerCase();
      if (type !== 'error' && type !== 'warning') throw new Error(`##vso[task.logissue] has no type '${type}'`);
      step.issues.push({ type, message: mask(job, data) });
      print(job, `##[${type}]${data}`);
    },
    'task.complete': () => {
      if (!RESULTS.includes(properties.result)) throw new Error(`##vso[task.complete] has no result '${properties.result}'`);
      step.result = worst(step.result, properties.result);
      step.message = mask(job, data);
    },
    'task.addattachment': () => attach(required('type'), required('name'), data),
    'task.uploadsummary': () => attach('Distributedtask.Core.Summary', path.basename(data), data),
    'task.prependpath': () => job.paths.unshift(data),
    'task.debug': () => step.debug && print(job, `##[debug]${data}`),
    'task.settaskvariable': () => {},
    'task.logdetail': () => {},
  };
  commands['task.issue'] = commands['task.logissue'];
  const command = commands[`${area}.${event}`];
  if (command) command();
  else if (area === 'task') throw new Error(`##vso[task.${event}] is unknown`);
  else print(job, `##[warning]the stand-in leaves ##vso[${area}.${event}] out`);
}

function takeLine(job, step, line) {
  step.lines.push(mask(job, line));
  const command = parseCommand(line);
  if (!command) {
    if (/##vso/i.test(line)) print(job, `##[warning]this line holds ##vso but no legal command:`);
    print(job, line);
    return;
  }
  try {
    obey(job, step, command);
    if (step.debug) print(job, `##[debug]Processed: ${line}`);
  } catch (error) {
    step.issues.push({ type: 'error', message: error.message });
    step.result = 'Failed';
    print(job, `##[error]Unable to process command '${line}': ${error.message}`);
  }
}

// The script an agent would start: its preferred handler's target.
function executionTarget(folder, task) {
  for (const handler of ['Node20_1', 'Node16', 'Node10', 'Node24', 'Node']) {
    if (task.execution && task.execution[handler]) return path.join(folder, task.execution[handler].target);
  }
  throw new Error(`task ${task.name} has no Node handler`);
}

// Runs one step, the task in `folder`, with these inputs, unless `condition` (a name in CONDITIONS) holds it
// back. Resolves to {name, result, message, exitCode, issues, lines}; a failed step fails the job.
async function runTask(job, folder, inputs = {}, condition = 'succeeded') {
  const task = JSON.parse(fs.readFileSync(path.join(folder, 'task.json'), 'utf8'));
  const debug = job.variables.has('system.debug') && isTrue(job.variables.get('system.debug').value);
  const step = { name: task.name, reference: task.name, result: 'Succeeded', message: '', exitCode: null, issues: [], lines: [], debug };
  job.steps.push(step);
  const version = `${task.version.Major}.${task.version.Minor}.${task.version.Patch}`;
  print(job, `##[section]Starting: ${task.name} ${version}`);
  if (!CONDITIONS[condition](job.result)) {
    step.result = 'Skipped';
    print(job, `Skipped: the job has ${job.result.toLowerCase()}, and this step runs on '${condition}'`);
    return step;
  }
  setVariable(job, 'Agent.JobStatus', job.result);
  const child = childProcess.spawn(process.execPath, [path.resolve(executionTarget(folder, task))], {
    cwd: job.sources,
    env: buildEnvironment(job, resolveInputs(job, task, inputs)),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = [child.stdout, child.stderr].map((stream) => new Promise((resolve) => {
    readline.createInterface({ input: stream, crlfDelay: Infinity })
      .on('line', (line) => takeLine(job, step, line))
      .once('close', resolve);
  }));
  const [code, signal] = await new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (...exit) => resolve(exit));
  });
  await Promise.all(ended);
  step.exitCode = code;
  if (code !== 0) {
    const message = `The task's process ended with ${signal ? `signal ${signal}` : `exit code ${code}`}`;
    step.issues.push({ type: 'error', message });
    step.result = worst(step.result, 'Failed');
    print(job, `##[error]${message}`);
  }
  if (step.result !== 'Skipped') job.result = worst(job.result, step.result);
  print(job, `##[section]Finishing: ${task.name}: ${step.result}`);
  return step;
}

// What a script of the job sees: its public variables, and neither secrets nor service connections.
function scriptEnvironment(job) {
  const environment = {};
  for (const [name, value] of Object.entries(process.env)) if (!FOREIGN.test(name)) environment[name] = value;
  for (const { name, value, secret } of job.variables.values()) if (!secret) environment[environmentName(name)] = value;
  if (job.paths.length) environment.PATH = [...job.paths, environment.PATH].join(path.delimiter);
  return environment;
}

// Runs one script step, a command with its arguments, unless the job has failed. Resolves to {name, result, exitCode, lines}.
async function runScript(job, name, [command, ...args], { cwd = job.sources } = {}) {
  const step = { name, reference: name, result: 'Succeeded', message: '', exitCode: null, issues: [], lines: [], debug: false };
  job.steps.push(step);
  print(job, `##[section]Starting: ${name}`);
  if (!CONDITIONS.succeeded(job.result)) {
    step.result = 'Skipped';
    print(job, `Skipped: the job has ${job.result.toLowerCase()}`);
    return step;
  }
  const child = childProcess.spawn(command, args, { cwd, env: scriptEnvironment(job), stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = [child.stdout, child.stderr].map((stream) => new Promise((resolve) => {
    readline.createInterface({ input: stream, crlfDelay: Infinity })
      .on('line', (line) => takeLine(job, step, line))
      .once('close', resolve);
  }));
  step.exitCode = await new Promise((resolve, reject) => { child.once('error', reject).once('close', resolve); });
  await Promise.all(ended);
  if (step.exitCode !== 0) {
    step.result = 'Failed';
    print(job, `##[error]The script ended with exit code ${step.exitCode}`);
  }
  job.result = worst(job.result, step.result);
  print(job, `##[section]Finishing: ${name}: ${step.result}`);
  return step;
}

module.exports = {
  buildEnvironment, mask, parseCommand, resolveInputs, runScript, runTask, scriptEnvironment, startAzureDevOps, startJob,
};
