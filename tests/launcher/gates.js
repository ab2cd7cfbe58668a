// The tasks that Azure DevOps runs itself: SonarGate and SonarBuildGate. The schema of tasks does not describe HttpRequest, so
// rules here check that part, and the expressions are evaluated against answers of servers.
'use strict';

const assert = require('assert').strict;
const fs = require('fs');
const path = require('path');
const { meets } = require('./expression.js');
const { finish, test } = require('./harness.js');

const ROOT = path.join(__dirname, '..', '..');
const GATES = ['gate', 'build-gate'];
const json = (...names) => JSON.parse(fs.readFileSync(path.join(ROOT, ...names), 'utf8'));
const task = name => json('task', name, 'task.json');
const execute = name => task(name).execution.HttpRequest.Execute;

/** Replaces macros with values of the inputs and the job, as Azure DevOps does. */
function filled(text, values) {
  return text.replace(/\$\(([^)]+)\)/g, (whole, name) => {
    assert.ok(name in values, `${whole} is nothing that Azure DevOps knows`);
    return values[name];
  });
}

test('the evaluator agrees with the examples of its documentation', () => {
  const items = '{"Items":[{"name":"item1","price":100},{"name":"item2","price":40},{"name":"item3","price":70}]}';
  assert.equal(meets("eq(root['status'], 'successful')", '{"id":5,"status":"successful"}'), true);
  assert.equal(meets("eq(root['status'], 'successful')", '{"id":5,"status":"failed"}'), false);
  assert.equal(meets("ge(count(root['ActiveReleaseNames']), 3)", '{"ActiveReleaseNames":["1","2","3"]}'), true);
  assert.equal(meets(
    "and(eq(count(jsonpath('Items[?(@.price<50)]')), 1), eq(count(jsonpath('Items[?(@.price>60)]')), 2))", items), true);
  assert.equal(meets("eq(jsonpath('$..a.[''$value'']')[0], 'OK')", '{"value":{"a":{"$value":"ok"}}}'), true);
  assert.throws(() => meets("eq(root['a'], 'b'", '{}'));
  assert.throws(() => meets("equals(root['a'], 'b')", '{}'));
});

test('both run on the server, in agentless jobs and as gates', () => {
  const ids = [...GATES, 'prepare', 'analyze', 'publish'].map(name => task(name).id);
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(GATES.map(name => task(name).name), ['SonarGate', 'SonarBuildGate']);
  for (const name of GATES) {
    const { execution, friendlyName, inputs, runsOn, version, visibility } = task(name);
    assert.deepEqual(runsOn, ['Server', 'ServerGate']);
    assert.deepEqual(visibility, ['Build', 'Release']);
    assert.ok(friendlyName.length <= 40);
    assert.equal(version, undefined);
    assert.deepEqual(Object.keys(execution), ['HttpRequest']);
    assert.deepEqual(Object.keys(execution.HttpRequest), ['Execute']);
    assert.deepEqual(Object.keys(execute(name)),
      ['EndpointId', 'EndpointUrl', 'Method', 'Body', 'Headers', 'WaitForCompletion', 'Expression']);
    assert.equal(execute(name).Method, 'GET');
    assert.equal(execute(name).WaitForCompletion, 'false');
    for (const input of inputs) {
      assert.ok(input.helpMarkDown.length > 10 && 'defaultValue' in input, input.name);
      for (const [, other] of (input.visibleRule || '').matchAll(/(\w+) !?= /g)) {
        assert.ok(inputs.some(each => each.name === other), input.visibleRule);
      }
    }
  }
});

test('SonarGate asks the chosen connection for the gate of the branch or pull request', () => {
  const { EndpointId, EndpointUrl, Headers } = execute('gate');
  const { inputs } = task('gate');
  assert.equal(EndpointId, "TaskInputs[TaskInputs['connectionType']]");
  const types = Object.keys(inputs.find(each => each.name === 'connectionType').options);
  for (const type of types) {
    const input = inputs.find(each => each.name === type);
    assert.ok(input.type.startsWith('connectedService:') && input.visibleRule === `connectionType = ${type}`, type);
  }
  // The credentials come from the connection, not from a header of the task.
  assert.deepEqual(JSON.parse(Headers), { Accept: 'application/json' });
  const values = { 'endpoint.url': 'https://corp.example/sonar', projectKey: 'org:shop', scopeName: '' };
  for (const [scope, scopeName, query] of [
    ['mainBranch', '', { mainBranch: '' }],
    ['branch', 'release/1', { branch: 'release/1' }],
    ['pullRequest', '7', { pullRequest: '7' }],
  ]) {
    assert.ok(scope in inputs.find(each => each.name === 'scope').options);
    const url = new URL(filled(EndpointUrl, Object.assign({}, values, { scope, scopeName })));
    assert.equal(url.origin + url.pathname, 'https://corp.example/sonar/api/qualitygates/project_status');
    assert.deepEqual(Object.fromEntries(url.searchParams), Object.assign({ projectKey: 'org:shop' }, query));
  }
});

test('SonarGate passes only on a passed gate: answers of real servers', () => {
  const answers = json('tests', 'data', 'project-status.json');
  const passes = answers.filter(({ answer }) => meets(execute('gate').Expression, JSON.stringify(answer)));
  assert.deepEqual(passes.map(({ server, asked }) => `${server} ${asked}`), ['26.9 demo', '26.9 sample']);
  for (const { answer } of passes) assert.equal(answer.projectStatus.status, 'OK');
});

test('SonarGate passes only on a passed gate: invented answers', () => {
  const { Expression } = execute('gate');
  assert.equal(meets(Expression, '{"projectStatus":{"status":"OK","conditions":[]}}'), true);
  for (const body of [
    '{"projectStatus":{"status":"ERROR"}}', '{"projectStatus":{"status":"WARN"}}', '{"projectStatus":{"status":"NONE"}}',
    '{"projectStatus":{"status":""}}', '{"projectStatus":{"status":null}}', '{"projectStatus":{"status":["OK"]}}',
    '{"projectStatus":{"status":true}}', '{"projectStatus":{"status":1}}', '{"projectStatus":{}}',
    '{"projectStatus":{"status":"ERROR","conditions":[{"status":"OK"}]}}', '{"status":"OK"}', '{}', '[]', 'null', '"OK"',
    '[{"projectStatus":{"status":"OK"}}]', '{"errors":[{"msg":"OK"}]}', '{"projectStatus":"OK"}',
  ]) {
    assert.equal(meets(Expression, body), false, body);
  }
  for (const body of ['', '<html>OK</html>', '{"projectStatus":{"status":"OK"']) assert.throws(() => meets(Expression, body));
});

test('SonarBuildGate asks Azure DevOps with the job\'s own token', () => {
  const { EndpointId, EndpointUrl, Headers } = execute('build-gate');
  const job = {
    'system.teamFoundationCollectionUri': 'https://dev.azure.com/org/', 'system.teamProjectId': 'p-1', 'build.buildId': '42',
    'system.accesstoken': 'jwt',
  };
  const inputs = Object.fromEntries(task('build-gate').inputs.map(each => [each.name, filled(each.defaultValue, job)]));
  assert.equal(EndpointId, '');
  assert.equal(filled(EndpointUrl, Object.assign({}, job, inputs)),
    'https://dev.azure.com/org/p-1/_apis/build/builds/42/properties?api-version=5.0-preview.1');
  assert.deepEqual(JSON.parse(filled(Headers, job)), { Accept: 'application/json', Authorization: 'Bearer jwt' });
});

test('SonarBuildGate passes only on `ok`', () => {
  const { Expression } = execute('build-gate');
  const property = value => ({ $type: 'System.String', $value: value });
  const build = properties => JSON.stringify({ count: Object.keys(properties).length, value: properties });
  const record = { 'sonar-azdo.__default.job.1': property('{"verdict":"passed"}') };
  assert.equal(meets(Expression, build({ sonarglobalqualitygate: property('ok') })), true);
  assert.equal(meets(Expression, build(Object.assign({ sonarglobalqualitygate: property('ok') }, record))), true);
  const verdicts = ['failed', 'none', 'timeout', 'no-report', 'analysis-failed', 'cancelled', 'skipped', 'unknown'];
  for (const value of [...verdicts, 'passed', '', 'okay', 'not ok', null, true, 1, ['ok']]) {
    const body = build(Object.assign({ sonarglobalqualitygate: property(value) }, record));
    assert.equal(meets(Expression, body), false, body);
  }
  for (const properties of [
    {}, record, { other: property('ok') }, { sonarglobalqualitygate: 'ok' }, { sonarglobalqualitygate: null },
    { nested: { sonarglobalqualitygate: property('ok') } },
  ]) {
    assert.equal(meets(Expression, build(properties)), false, build(properties));
  }
  for (const body of ['{}', '[]', 'null', '{"message":"Access denied"}']) assert.equal(meets(Expression, body), false, body);
  assert.throws(() => meets(Expression, '<html>sign in</html>'));
});

finish();
