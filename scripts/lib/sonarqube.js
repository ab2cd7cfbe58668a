'use strict';
// The calls to SonarQube's web API that set up a project and read its verdict.

const http = require('http');
const https = require('https');

// A server with the credentials of one account: {url, authorization}.
const withPassword = (url, login, password) => ({ url, authorization: `Basic ${Buffer.from(`${login}:${password}`).toString('base64')}` });
const withToken = (url, token) => withPassword(url, token, '');

// Calls `api/...` with form parameters. Resolves to the answer's JSON, or to null for an empty answer. Any status but 2xx is an error.
function call(server, method, action, parameters = {}) {
  const form = new URLSearchParams(parameters).toString();
  const url = new URL(`${server.url.replace(/\/+$/, '')}/api/${action}${method === 'GET' && form ? `?${form}` : ''}`);
  const headers = { Authorization: server.authorization, Accept: 'application/json' };
  if (method === 'POST') headers['Content-Type'] = 'application/x-www-form-urlencoded';
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? https : http).request(url, { method, headers, timeout: 60000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => { text += chunk; }).on('error', reject).on('end', () => {
        if (response.statusCode >= 300) {
          reject(new Error(`${method} ${url.origin}${url.pathname} answered ${response.statusCode} ${text.slice(0, 300)}`));
        } else {
          try {
            resolve(text ? JSON.parse(text) : null);
          } catch (error) {
            reject(new Error(`${method} ${url.origin}${url.pathname} did not answer with JSON. Is ${server.url} a SonarQube server?`));
          }
        }
      });
    });
    request.on('timeout', () => request.destroy(new Error(`${url.origin} did not answer in 60 s`)));
    request.on('error', (error) => reject(new Error(`${method} ${url.origin}${url.pathname}: ${error.message}`)));
    request.end(method === 'POST' ? form : undefined);
  });
}

// Creates the project unless it exists, and resolves to a new token for its analysis. It is a user token, because older servers do not
// let analysis tokens read measures.
async function prepareProject(admin, key, name) {
  const { components } = await call(admin, 'GET', 'projects/search', { projects: key });
  if (!components.length) await call(admin, 'POST', 'projects/create', { project: key, name });
  const tokenName = `sonar-azdo ${key}`;
  await call(admin, 'POST', 'user_tokens/revoke', { name: tokenName });
  const { token } = await call(admin, 'POST', 'user_tokens/generate', { name: tokenName, type: 'USER_TOKEN' });
  return token;
}

// Gives the project a quality gate of this name with exactly these conditions, each [metric, 'GT' or 'LT', limit].
async function setGate(admin, key, gateName, conditions) {
  const { qualitygates } = await call(admin, 'GET', 'qualitygates/list');
  if (!qualitygates.some((gate) => gate.name === gateName)) await call(admin, 'POST', 'qualitygates/create', { name: gateName });
  const gate = await call(admin, 'GET', 'qualitygates/show', { name: gateName });
  const found = gate.conditions || [];
  const same = ([metric, op, error]) => found.some((one) => one.metric === metric && one.op === op && one.error === error);
  if (found.length !== conditions.length || !conditions.every(same)) {
    // A new gate has default conditions.
    for (const { id } of found) await call(admin, 'POST', 'qualitygates/delete_condition', { id });
    for (const [metric, op, error] of conditions) await call(admin, 'POST', 'qualitygates/create_condition', { gateName, metric, op, error });
  }
  await call(admin, 'POST', 'qualitygates/select', { gateName, projectKey: key });
}

// The project's current gate: {status: 'OK' | 'ERROR' | 'NONE', conditions: [{status, metricKey, comparator, errorThreshold, actualValue}]}.
const gateStatus = async (server, key) => (await call(server, 'GET', 'qualitygates/project_status', { projectKey: key })).projectStatus;

module.exports = { call, gateStatus, prepareProject, setGate, withPassword, withToken };
