'use strict';
// Tests of the stand-in agent and of the summary's page: node scripts/lib/test.js

const assert = require('assert');
const fs = require('fs');
const http = require('http');
const os = require('os');
const path = require('path');
const { Writable } = require('stream');
const agent = require('./agent');

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'agent-test-'));

// A task folder whose script is `source`.
function task(name, source, inputs = []) {
  const target = path.join(folder, name);
  fs.mkdirSync(target, { recursive: true });
  const json = { name, version: { Major: 1, Minor: 2, Patch: 3 }, inputs, execution: { Node10: { target: 'old.js' }, Node20_1: { target: 'run.js' } } };
  fs.writeFileSync(path.join(target, 'task.json'), JSON.stringify(json));
  fs.writeFileSync(path.join(target, 'run.js'), source);
  return target;
}

const endpoint = { id: 'aaaa-bb', url: 'http://sonar.invalid', scheme: 'Basic', parameters: { username: 'to/ken' } };

async function job(variables = {}) {
  const written = [];
  const output = new Writable({ write: (chunk, encoding, done) => { written.push(String(chunk)); done(); } });
  const sources = path.join(folder, 'sources');
  fs.mkdirSync(sources, { recursive: true });
  const started = await agent.startJob({ sources, folder: path.join(folder, 'agent'), endpoints: [endpoint], variables, output });
  return Object.assign(started, { written: () => written.join('') });
}

// Asks the stand-in for Azure DevOps, as a task would.
function ask(azure, method, pathname, body, token) {
  return new Promise((resolve, reject) => {
    const request = http.request(`${azure.url}${pathname}`, { method, headers: { Authorization: `Bearer ${token}` } }, (response) => {
      let text = '';
      response.on('data', (chunk) => { text += chunk; }).on('end', () => resolve({ status: response.statusCode, text }));
    });
    request.on('error', reject).end(body);
  });
}

const tests = {
  'a command is found anywhere in a line, and its values are unescaped': () => {
    const { parseCommand } = agent;
    assert.deepStrictEqual(
      parseCommand('x ##vso[task.SetVariable Variable=a%3Bb;IsSecret=true;;]1%0A2%5D%AZP250D=3'),
      { area: 'task', event: 'setvariable', properties: { variable: 'a;b', issecret: 'true' }, data: '1\n2]%0D=3' },
    );
    assert.deepStrictEqual(parseCommand('##vso[task.debug]a]b').data, 'a]b');
    for (const line of ['##vso[task]x', '##vso[a.b.c]x', '##vso[task.debug', '##[error]x', 'plain']) assert.strictEqual(parseCommand(line), null);
  },

  'a script sees the public variables, and fails the job by its exit code': async () => {
    const running = await job({ 'My.Plain': 'one' });
    const shown = 'console.log(process.env.MY_PLAIN, Object.keys(process.env).some((name) => /^(SECRET|ENDPOINT)_/.test(name)))';
    const step = await agent.runScript(running, 'show', [process.execPath, '-e', shown]);
    assert.deepStrictEqual([step.result, step.lines], ['Succeeded', ['one false']]);
    assert.strictEqual((await agent.runScript(running, 'fail', [process.execPath, '-e', 'process.exit(3)'])).exitCode, 3);
    assert.strictEqual(running.result, 'Failed');
    assert.strictEqual((await agent.runScript(running, 'late', ['true'])).result, 'Skipped');
    await running.close();
  },

  'variables, secrets, inputs and endpoints reach the next step as on an agent': async () => {
    const running = await job({ Given: 'sources/x' });
    const set = task('set', `
      console.log('##vso[task.setvariable variable=my.plain]one');
      console.log('##vso[task.setvariable variable=my.secret;issecret=true]hush');
      console.log('##vso[task.setvariable variable=out;isoutput=true]two');
      console.log('hush and to/ken and to%2Fken');`);
    const show = task('show', `
      const wanted = /^(INPUT|ENDPOINT|SECRET|VSTS|MY|SET)_/;
      const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => wanted.test(name)));
      require('fs').writeFileSync('env.json', JSON.stringify({ env, cwd: process.cwd() }));`, [
      { name: 'scannerMode', defaultValue: 'cli' },
      { name: 'cliVersion', aliases: ['oldName'], type: 'string' },
      { name: 'configFile', type: 'filePath', defaultValue: 'a.properties' },
      { name: 'empty', type: 'string' },
    ]);
    process.env.INPUT_FOREIGN = 'x';
    const step = await agent.runTask(running, set);
    await agent.runTask(running, show, { OLDNAME: '$(given) $(unknown)' });
    await assert.rejects(agent.runTask(running, show, { typo: 'x' }), /no input 'typo'/);
    await running.close();
    const { env, cwd } = JSON.parse(fs.readFileSync(path.join(running.sources, 'env.json')));
    assert.strictEqual(cwd, fs.realpathSync(running.sources));
    assert.strictEqual(env.INPUT_SCANNERMODE, 'cli');
    assert.strictEqual(env.INPUT_CLIVERSION, 'sources/x $(unknown)');
    assert.strictEqual(env.INPUT_CONFIGFILE, path.join(running.sources, 'a.properties'));
    assert.strictEqual(env.INPUT_EMPTY, '');
    assert.strictEqual(env.INPUT_FOREIGN, undefined);
    assert.strictEqual(env.MY_PLAIN, 'one');
    assert.strictEqual(env.MY_SECRET, undefined);
    assert.strictEqual(env.SECRET_MY_SECRET, 'hush');
    assert.strictEqual(env.SET_OUT, 'two');
    assert.strictEqual(env['ENDPOINT_URL_aaaa-bb'], 'http://sonar.invalid');
    assert.strictEqual(env['ENDPOINT_AUTH_PARAMETER_aaaa-bb_USERNAME'], 'to/ken');
    assert.deepStrictEqual(JSON.parse(env['ENDPOINT_AUTH_aaaa-bb']), { parameters: { username: 'to/ken' }, scheme: 'Basic' });
    assert.strictEqual(JSON.parse(env.ENDPOINT_AUTH_SYSTEMVSSCONNECTION).parameters.AccessToken, env.SECRET_SYSTEM_ACCESSTOKEN);
    assert.ok(JSON.parse(env.VSTS_SECRET_VARIABLES).includes('my.secret'));
    assert.ok(JSON.parse(env.VSTS_PUBLIC_VARIABLES).includes('my.plain'));
    assert.deepStrictEqual(step.lines.slice(-1), ['*** and *** and ***']);
    assert.ok(running.written().includes('*** and *** and ***') && !running.written().includes('hush'));
  },

  'a failed step holds back those that run on success': async () => {
    const running = await job();
    const fails = task('fails', `
      console.log('##vso[task.logissue type=error]broken');
      console.log('##vso[task.complete result=Failed]it broke');`);
    const first = await agent.runTask(running, fails);
    const second = await agent.runTask(running, fails);
    const third = await agent.runTask(running, fails, {}, 'always');
    await running.close();
    assert.deepStrictEqual([first.result, first.message, first.exitCode], ['Failed', 'it broke', 0]);
    assert.deepStrictEqual(first.issues, [{ type: 'error', message: 'broken' }]);
    assert.deepStrictEqual([second.result, third.result, running.result], ['Skipped', 'Failed', 'Failed']);
  },

  'an exit code, a death by signal and an illegal command fail the step': async () => {
    const running = await job();
    const sources = [
      'process.exit(3)',
      'process.kill(process.pid, "SIGKILL")',
      'console.log("##vso[task.complete result=Cancelled]")',
      'console.error("##vso[task.setvariable issecret=true]x")',
      'console.log("##vso[task.addattachment type=t;name=a/b]" + __filename)',
      'console.log("##vso[task.addattachment type=t;name=n]/nowhere")',
    ];
    for (const [index, source] of sources.entries()) {
      const step = await agent.runTask(running, task(`bad${index}`, source), {}, 'always');
      assert.strictEqual(step.result, 'Failed', source);
      assert.strictEqual(step.issues.length, 1, source);
    }
    await running.close();
  },

  'Azure DevOps keeps properties and attachments for the job only': async () => {
    const running = await job();
    const token = running.variables.get('system.accesstoken').value;
    const attach = task('attach', `
      require('fs').writeFileSync('summary.md', '# Summary');
      console.log('##vso[task.addattachment type=Distributedtask.Core.Summary;name=A – b;]' + process.cwd() + '/summary.md');`);
    await agent.runTask(running, attach);
    const properties = '/demo/_apis/build/builds/1/properties?api-version=5.0-preview.1';
    const patch = JSON.stringify([{ op: 'add', path: '/gate', value: 'ok' }]);
    const wrong = await ask(running.azure, 'PATCH', properties, patch, 'wrong');
    const patched = await ask(running.azure, 'PATCH', properties, patch, token);
    const list = await ask(running.azure, 'GET', '/demo/_apis/build/builds/1/attachments/Distributedtask.Core.Summary', '', token);
    const none = await ask(running.azure, 'GET', '/demo/_apis/build/builds/1/attachments/other', '', token);
    const [attachment] = JSON.parse(list.text).value;
    const self = new URL(attachment._links.self.href);
    const content = await ask(running.azure, 'GET', self.pathname, '', token);
    await running.close();
    assert.strictEqual(wrong.status, 401);
    assert.deepStrictEqual(JSON.parse(patched.text), { count: 1, value: { gate: { $type: 'System.String', $value: 'ok' } } });
    assert.deepStrictEqual([attachment.name, content.text, JSON.parse(none.text).count], ['A – b', '# Summary', 0]);
  },

  'the page keeps tables and links and nothing that runs': () => {
    const { renderPage } = require('./render');
    const page = renderPage([{
      name: 'A <b> – failed',
      content: '### ❌ Failed\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n[x](https://sonar.invalid/?a=1&b=2) <img src=x onerror=alert(1)> '
        + '<script>alert(1)</script> [y](javascript:alert(1)) <a href="javascript:alert(1)" onclick="alert(1)">z</a> '
        + '<span style="position:fixed">s</span>',
    }]);
    for (const kept of ['<h3>❌ Failed</h3>', '<td style="text-align:right">2</td>', 'href="https://sonar.invalid/?a=1&amp;b=2"', 'A &lt;b&gt; – failed']) {
      assert.ok(page.includes(kept), kept);
    }
    assert.ok(!/<img|<script|href="javascript|onclick|position/.test(page), page);
  },
};

(async () => {
  try {
    for (const [name, run] of Object.entries(tests)) {
      await run();
      console.log(`ok ${name}`);
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
})().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
