'use strict';
// How long SonarPublish takes to know what the server knows. scripts/bench calls it:
//
//   node bench-publish.js TASKS URL RUNS   the task folders, a SonarQube with login admin/admin, how often
//
// Each run analyses a small project, and then starts SonarPublish, by its launcher, beside a reference that asks the
// server every 20 ms what became of the report. A relay on loopback between SonarPublish and the server notes its polls.

const fs = require('fs');
const http = require('http');
const path = require('path');
const agent = require('./agent');
const { median } = require('./measure');
const sonarqube = require('./sonarqube');

const ROOT = path.join(__dirname, '..', '..');
const KEY = 'sonar-azdo-bench-publish';
const now = () => Number(process.hrtime.bigint()) / 1e6;

// Passes every request on to `target`; `polls` lists when tasks of the compute engine were asked about.
async function startRelay(target) {
  const relay = { polls: [] };
  const keepAlive = new http.Agent({ keepAlive: true });
  const server = http.createServer((request, response) => {
    if (request.url.startsWith('/api/ce/task?')) relay.polls.push(now());
    const { hostname, port } = new URL(target);
    const passed = http.request({ hostname, port, path: request.url, method: request.method, headers: request.headers, agent: keepAlive }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    passed.on('error', () => response.destroy());
    request.pipe(passed);
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  relay.url = `http://127.0.0.1:${server.address().port}`;
  relay.close = () => {
    server.close();
    server.closeAllConnections();
    keepAlive.destroy();
  };
  return relay;
}

// When the server first says that the task has ended, asked every 20 ms, by up to four requests at the same time, so
// that an answer which takes longer doesn't hold up the next.
function reference(url, authorization, task) {
  const keepAlive = new http.Agent({ keepAlive: true });
  return new Promise((resolve, reject) => {
    let open = 0;
    const end = (settle, value) => {
      clearInterval(timer);
      keepAlive.destroy();
      settle(value);
    };
    const ask = () => {
      if (open === 4) return;
      open++;
      http.get(`${url}/api/ce/task?id=${task}`, { headers: { Authorization: authorization }, agent: keepAlive }, (response) => {
        let text = '';
        response.on('data', (piece) => { text += piece; }).on('end', () => {
          open--;
          if (text.includes('"status":"SUCCESS"')) end(resolve, now());
          else if (!/"status":"(PENDING|IN_PROGRESS)"/.test(text)) end(reject, new Error(`the reference was answered ${text}`));
        });
      }).on('error', (error) => end(reject, error));
    };
    const timer = setInterval(ask, 20);
  });
}

async function main([tasks, url, runs]) {
  const folder = path.join(ROOT, 'target', 'bench-publish');
  fs.rmSync(folder, { recursive: true, force: true });
  const sources = path.join(folder, 'sources');
  fs.cpSync(path.join(ROOT, 'tests', 'data', 'sample-passing'), sources, { recursive: true });
  const admin = sonarqube.withPassword(url, 'admin', 'admin');
  const token = await sonarqube.prepareProject(admin, KEY, 'Bench');
  const relay = await startRelay(url);
  const connection = '5ca1ab1e-0000-4000-8000-000000000003';
  let verdict;
  const output = { write(text) { if (text.startsWith('Quality gate ')) verdict = verdict || now(); } };
  const endpoints = [{ id: connection, url: relay.url, scheme: 'UsernamePassword', parameters: { username: token } }];
  const step = async (job, name, given) => {
    const { result, lines } = await agent.runTask(job, path.resolve(tasks, name), given);
    if (result !== 'Succeeded') throw new Error(`${name} ended as ${result}:\n${lines.join('\n')}`);
  };
  const records = path.join(folder, 'temp', 'sonar-azdo');

  const waits = [], late = [], distances = [];
  let most = 0;
  for (let run = 1; run <= runs; run++) {
    // A job for each: in one and the same, a record that is gone is no report.
    fs.rmSync(records, { recursive: true, force: true });
    const job = await agent.startJob({ sources, folder, endpoints, output });
    await step(job, 'prepare', { SonarQube: connection, scannerMode: 'cli', configMode: 'file', extraProperties: `sonar.projectKey=${KEY}\nsonar.scm.disabled=true` });
    await step(job, 'analyze');
    const report = fs.readFileSync(path.join(records, fs.readdirSync(records)[0], 'report-task.txt'), 'utf8');
    relay.polls = [];
    verdict = undefined;
    const began = now();
    const publishing = step(job, 'publish', { pollingTimeoutSec: '300' });
    const ended = await reference(url, admin.authorization, /^ceTaskId=(.*)$/m.exec(report)[1]);
    await publishing;
    await job.close();
    const times = relay.polls;
    console.error(`run ${run}: the server was done after ${(ended - began).toFixed(0)} ms, the verdict was there ${(verdict - ended).toFixed(0)} ms later, ${times.length} polls`);
    // A report that was processed before SonarPublish had started says nothing about waiting.
    if (times[0] > ended) continue;
    waits.push(ended - began);
    late.push(verdict - ended);
    most = Math.max(most, ...times.map((from) => times.filter((time) => time >= from && time < from + 1000).length));
    times.slice(1).forEach((time, index) => distances.push(time - times[index]));
  }
  relay.close();
  if (!late.length) throw new Error('every report was processed before SonarPublish asked for the first time');
  const sorted = [...late].sort((a, b) => a - b);
  const ms = (value) => `${value.toFixed(0)} ms`;
  console.log(`| SonarPublish, ${late.length} of ${runs} runs in which it had to wait | |`);
  console.log('|---|--:|');
  console.log(`| the server took, after SonarPublish was started | ${ms(Math.min(...waits))} to ${ms(Math.max(...waits))} |`);
  console.log(`| verdict after the reference saw the end: median | ${ms(median(late))} |`);
  console.log(`| the same: quickest and slowest | ${ms(sorted[0])}, ${ms(sorted[sorted.length - 1])} |`);
  console.log(`| most polls within any second | ${most} |`);
  console.log(`| shortest distance of two polls, of ${distances.length} | ${distances.length ? ms(Math.min(...distances)) : 'no second poll'} |`);
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`bench: ${error.message}`);
  process.exit(1);
});
