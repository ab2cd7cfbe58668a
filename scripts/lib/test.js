'use strict';
// Tests of the JavaScript side of the stand-in agent, and of the summary's page: node scripts/lib/test.js
// The agent itself is tested in tests/agent.

const assert = require('assert');
const fs = require('fs');
const http = require('http');
const os = require('os');
const path = require('path');
const agent = require('./agent');

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'agent-test-'));

// A task folder whose script is `source`.
function task(name, source) {
  const target = path.join(folder, name);
  fs.mkdirSync(target, { recursive: true });
  const json = { name, inputs: [{ name: 'given' }], execution: { Node20_1: { target: 'run.js' } } };
  fs.writeFileSync(path.join(target, 'task.json'), JSON.stringify(json));
  fs.writeFileSync(path.join(target, 'run.js'), source);
  return target;
}

async function job() {
  const written = [];
  const sources = path.join(folder, 'sources');
  fs.mkdirSync(sources, { recursive: true });
  const endpoints = [{ id: 'aaaa-bb', url: 'http://sonar.invalid', scheme: 'Basic', parameters: { username: 'to/ken' } }];
  const output = { write: (text) => written.push(text) };
  const started = await agent.startJob({ sources, folder: path.join(folder, 'agent'), endpoints, variables: { 'My.Plain': 'one' }, output });
  return Object.assign(started, { written });
}

// Sends a request to the stand-in for Azure DevOps, as a task would.
function ask(url, method, body, token) {
  return new Promise((resolve, reject) => {
    const headers = { Authorization: `Bearer ${token}`, 'Content-Length': Buffer.byteLength(body) };
    const request = http.request(url, { method, headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => { text += chunk; }).on('end', () => resolve({ status: response.statusCode, text }));
    });
    request.on('error', reject).end(body);
  });
}

const tests = {
  'a task and a script run as steps of a job': async () => {
    const running = await job();
    const set = task('set', `
      console.log('##vso[task.setvariable variable=my.secret;issecret=true]hush');
      console.log('hush and to/ken and to%2Fken and ' + process.env.INPUT_GIVEN);`);
    const step = await agent.runTask(running, set, { given: '$(my.plain)' });
    assert.deepStrictEqual([step.result, step.exitCode, step.lines.slice(-1)], ['Succeeded', 0, ['*** and *** and *** and one']]);
    const shown = 'console.log(process.env.MY_PLAIN, Object.keys(process.env).some((name) => /^(SECRET|ENDPOINT)_/.test(name)), process.cwd())';
    const script = await agent.runScript(running, 'show', [process.execPath, '-e', shown]);
    assert.deepStrictEqual(script.lines, [`one false ${fs.realpathSync(running.sources)}`]);
    await assert.rejects(agent.runTask(running, set, { typo: 'x' }), /no input 'typo'/);
    await running.close();
    assert.ok(running.written.includes('*** and *** and *** and one\n') && !running.written.join('').includes('hush'));
  },

  'a failed step holds back those that run on success': async () => {
    const running = await job();
    const fails = task('fails', `
      console.log('##vso[task.logissue type=error]broken');
      console.log('##vso[task.complete result=Failed]it broke');`);
    const first = await agent.runTask(running, fails);
    const second = await agent.runTask(running, fails);
    const third = await agent.runTask(running, fails, {}, 'always');
    const script = await agent.runScript(running, 'late', ['true']);
    await running.close();
    assert.deepStrictEqual([first.result, first.message, first.exitCode], ['Failed', 'it broke', 0]);
    assert.deepStrictEqual(first.issues, [{ type: 'error', message: 'broken' }]);
    assert.deepStrictEqual([second.result, third.result, script.result, running.result], ['Skipped', 'Failed', 'Skipped', 'Failed']);
  },

  'an exit code and a death by signal fail the step and the job': async () => {
    for (const source of ['process.exit(3)', 'process.kill(process.pid, "SIGKILL")']) {
      const running = await job();
      const step = await agent.runTask(running, task('bad', source));
      await running.close();
      assert.deepStrictEqual([step.result, step.issues.length, running.result], ['Failed', 1, 'Failed'], source);
    }
  },

  'who starts a step has its environment from the agent, and the agent its lines from who started it': async () => {
    const running = await job();
    const own = task('own', '');
    process.env.INPUT_FOREIGN = 'x';
    await agent.takeOutput(running, own, '##vso[task.setvariable variable=my.secret;issecret=true]hush\r\n');
    const env = await agent.taskEnvironment(running, own, { given: 1 });
    const script = await agent.scriptEnvironment(running);
    await running.close();
    delete process.env.INPUT_FOREIGN;
    assert.deepStrictEqual([env.SECRET_MY_SECRET, env.INPUT_GIVEN, env.INPUT_FOREIGN, env.MY_PLAIN], ['hush', '1', undefined, 'one']);
    assert.deepStrictEqual([script.SECRET_MY_SECRET, script.MY_PLAIN], [undefined, 'one']);
  },

  'Azure DevOps keeps properties and attachments, for the job only': async () => {
    const running = await job();
    const { SYSTEM_COLLECTIONURI: url, BUILD_BUILDID: build, SECRET_SYSTEM_ACCESSTOKEN: token } = await agent.taskEnvironment(running, task('own', ''));
    await agent.runTask(running, task('attach', `
      require('fs').writeFileSync('summary.md', '# Summary');
      console.log('##vso[task.addattachment type=Distributedtask.Core.Summary;name=A – b;]' + process.cwd() + '/summary.md');`));
    const properties = `${url}demo/_apis/build/builds/${build}/properties?api-version=5.0-preview.1`;
    const patch = JSON.stringify([{ op: 'add', path: '/gate', value: 'ok' }]);
    const wrong = await ask(properties, 'PATCH', patch, 'wrong');
    const patched = await ask(properties, 'PATCH', patch, token);
    await running.close();
    assert.strictEqual(wrong.status, 401);
    assert.deepStrictEqual(JSON.parse(patched.text), { count: 1, value: { gate: { $type: 'System.String', $value: 'ok' } } });
    assert.deepStrictEqual(running.azure.properties, { gate: 'ok' });
    assert.deepStrictEqual(running.azure.attachments, [{ type: 'Distributedtask.Core.Summary', name: 'A – b', content: '# Summary' }]);
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
