// Checks the task.json files and vss-extension.json against the schema of Azure DevOps, against the established tasks, and against
// docs/reference/inputs.md. Needs ajv 6, which tests/launcher/run installs.
'use strict';

const assert = require('assert').strict;
const fs = require('fs');
const path = require('path');
const { finish, test } = require('./harness.js');

const ROOT = path.join(__dirname, '..', '..');
// The schema is not part of the repository. This variable names the folder that holds it.
const TEST_DATA = process.env.SONAR_AZDO_TEST_DATA;
const STEPS = ['prepare', 'analyze', 'publish'];

// Inputs of the established tasks (name: default, aliases, choices), with the one default that differs on purpose.
const ESTABLISHED = {
  prepare: {
    SonarQube: {}, SonarCloud: {}, organization: {},
    scannerMode: { value: 'dotnet', options: ['dotnet', 'other', 'cli'] },
    dotnetScannerVersion: { aliases: ['msBuildVersion'] }, cliScannerVersion: { aliases: ['cliVersion'] },
    configMode: { value: 'file', options: ['file', 'manual'] }, configFile: { value: 'sonar-project.properties' },
    cliProjectKey: {}, cliProjectName: {}, cliProjectVersion: { value: '1.0' }, cliSources: { value: '.' },
    projectKey: {}, projectName: {}, projectVersion: { value: '1.0' },
    extraProperties: { comments: true },
  },
  analyze: { jdkversion: { value: 'auto', options: ['auto', 'JAVA_HOME', 'JAVA_HOME_17_X64', 'JAVA_HOME_21_X64'] } },
  publish: { pollingTimeoutSec: { value: '300' } },
};

const read = (...names) => fs.readFileSync(path.join(ROOT, ...names), 'utf8');
const task = step => JSON.parse(read('task', step, 'task.json'));
const manifest = () => JSON.parse(read('vss-extension.json'));
const input = (step, name) => task(step).inputs.find(each => each.name === name);

test('every task.json is valid against the schema of Azure DevOps', () => {
  if (!TEST_DATA) return 'skipped: left out, because SONAR_AZDO_TEST_DATA is not set';
  const schema = path.join(TEST_DATA, 'azure-task-schema', 'tasks.schema.json');
  assert.ok(fs.existsSync(schema), `SONAR_AZDO_TEST_DATA is set, and ${schema} is missing`);
  const Ajv = require('ajv');
  const ajv = new Ajv({ schemaId: 'id', meta: false, allErrors: true });
  ajv.addMetaSchema(require('ajv/lib/refs/json-schema-draft-04.json'));
  const validate = ajv.compile(Object.assign(JSON.parse(fs.readFileSync(schema, 'utf8')), {
    $schema: 'http://json-schema.org/draft-04/schema#',
  }));
  const problems = value => validate(value) ? [] : validate.errors.map(error => error.dataPath + ' ' + error.message);
  for (const step of STEPS) assert.deepEqual(problems(task(step)), [], step);
  assert.notDeepEqual(problems(Object.assign(task('prepare'), { inputs: [{ name: 'no type' }] })), []);
});

test('names, ids and handlers stay as agents and pipelines expect them', () => {
  const tasks = STEPS.map(task);
  assert.deepEqual(tasks.map(each => each.name), ['SonarPrepare', 'SonarAnalyze', 'SonarPublish']);
  assert.equal(new Set(tasks.map(each => each.id.toLowerCase())).size, 3);
  for (const each of tasks) {
    assert.deepEqual(Object.keys(each.execution), ['Node10', 'Node16', 'Node20_1', 'Node24']);
    for (const handler of Object.values(each.execution)) assert.equal(handler.target, 'run.js');
    assert.equal(each.minimumAgentVersion, '2.144.0');
    assert.ok(each.friendlyName.length <= 40);
    // Only Cargo.toml holds the version. scripts/build-tasks writes it into the copies.
    assert.equal(each.version, undefined);
  }
});

test('tasks may set the variables they need and no others', () => {
  const allowed = step => task(step).restrictions.settableVariables.allowed;
  // SonarAnalyze relays what a scanner prints, so nothing in a line may set a variable or attach a file.
  assert.deepEqual(task('analyze').restrictions, { commands: { mode: 'restricted' }, settableVariables: { allowed: [] } });
  assert.ok(allowed('prepare').includes('SONAR_AZDO_TOKEN_*') && !allowed('prepare').includes('*'));
  assert.ok(allowed('publish').includes('qualityGateStatus') && !allowed('publish').includes('*'));
  // A summary is an attachment, which a restricted task cannot make.
  for (const step of ['prepare', 'publish']) assert.equal(task(step).restrictions.commands, undefined);
});

test('all inputs of the established tasks exist, with their aliases, choices and defaults', () => {
  for (const step of STEPS) {
    for (const [name, { value, aliases, options, comments }] of Object.entries(ESTABLISHED[step])) {
      const found = input(step, name);
      assert.ok(found, name);
      if (comments) assert.ok(found.defaultValue.split('\n').every(line => line.startsWith('#')), name);
      else assert.equal(found.defaultValue, value, name);
      assert.deepEqual(found.aliases, aliases, name);
      // Additional choices do no harm.
      for (const choice of options || []) assert.ok(choice in found.options, `${name}: ${choice}`);
    }
  }
});

test('there are three service connections, each optional and of its own type', () => {
  const types = { SonarQube: 'sonarqube', SonarCloud: 'sonarcloud', connection: 'sonar-azdo' };
  for (const [name, type] of Object.entries(types)) {
    assert.equal(input('prepare', name).type, 'connectedService:' + type);
    assert.equal(input('prepare', name).required, false);
  }
});

test('inputs have help, a known group, and rules that name inputs and choices that exist', () => {
  for (const step of STEPS) {
    const { inputs, groups = [] } = task(step);
    assert.equal(new Set(inputs.map(each => each.name)).size, inputs.length);
    for (const each of inputs) {
      assert.ok(each.helpMarkDown.length > 10, each.name);
      if (each.groupName) assert.ok(groups.some(group => group.name === each.groupName), each.name);
      for (const rule of each.visibleRule ? each.visibleRule.split(/ && | \|\| /) : []) {
        const [, other, choice] = /^(\w+) = (\w+)$/.exec(rule);
        assert.ok(Object.keys(input(step, other).options).includes(choice), rule);
      }
    }
  }
});

test('docs/reference/inputs.md lists exactly these inputs with these defaults', () => {
  const rows = read('docs', 'reference', 'inputs.md').split('\n')
    .map(line => /^\| `(\w+)`(?: \(alias `(\w+)`\))? \|([^|]*)\|/.exec(line)).filter(Boolean)
    .map(([, name, alias, value]) => [name, alias || '', value.replace(/`/g, '').trim()]);
  const expected = [].concat(...[...STEPS, 'gate', 'build-gate'].map(step => task(step).inputs.map(each => [
    each.name, (each.aliases || []).join(), each.name === 'extraProperties' ? '' : each.defaultValue || '',
  ])));
  assert.deepEqual(rows.sort(), expected.sort());
});

test('the icons are PNG pictures of the right size', () => {
  for (const [name, size] of [['icon.png', 32], ['icon-128.png', 128]]) {
    const picture = fs.readFileSync(path.join(ROOT, 'task', name));
    assert.equal(picture.toString('latin1', 1, 4), 'PNG');
    assert.deepEqual([picture.readUInt32BE(16), picture.readUInt32BE(20)], [size, size]);
  }
});

test('vss-extension.json names the tasks and our service connection type', () => {
  const { contributions, scopes, targets, version } = manifest();
  const folders = contributions.filter(each => each.type === 'ms.vss-distributed-task.task')
    .map(each => each.properties.name);
  assert.deepEqual(folders, [...STEPS, 'gate', 'build-gate']);
  const [type, ...more] = contributions.filter(each => each.type === 'ms.vss-endpoint.service-endpoint-type');
  assert.deepEqual(more, []);
  assert.equal('connectedService:' + type.properties.name, input('prepare', 'connection').type);
  const [scheme] = type.properties.authenticationSchemes;
  assert.equal(scheme.type, 'ms.vss-endpoint.endpoint-auth-scheme-token');
  assert.deepEqual(scheme.inputDescriptors.map(each => [each.id, each.isConfidential]), [['apitoken', true]]);
  assert.deepEqual(scopes, ['vso.build', 'vso.code']);
  assert.deepEqual(targets.map(each => each.id),
    ['Microsoft.VisualStudio.Services', 'Microsoft.TeamFoundation.Server']);
  assert.equal(version, undefined);
});

finish();
