// The packed extension, unpacked: node package.js VSIX FOLDER (tests/launcher/package makes both).
'use strict';

const assert = require('assert').strict;
const fs = require('fs');
const path = require('path');
const { PLATFORM, commands, directory, files, finish, launch, sha256, test } = require('./harness.js');

const [VSIX, UNPACKED] = process.argv.slice(2);
const ROOT = path.join(__dirname, '..', '..');
const STEPS = ['prepare', 'analyze', 'publish'];
const GATES = ['gate', 'build-gate'];

const read = (...names) => fs.readFileSync(path.join(...names), 'utf8');
const json = (...names) => JSON.parse(read(...names));
const version = () => /^version = "(.*)"$/m.exec(read(ROOT, 'Cargo.toml'))[1];
const relative = folder => files(folder).map(name => path.relative(folder, name)).sort();

test('the package is small enough for Azure DevOps Server 2019, with room for six platforms', () => {
  const size = fs.statSync(VSIX).size;
  assert.ok(size < 26214400, `${size} bytes`);
  const archives = 2 * fs.statSync(path.join(UNPACKED, 'prepare', 'bin', PLATFORM + '.br')).size;
  assert.ok(size - archives + 6 * archives < 26214400, `${size} bytes with one platform`);
});

test('the package holds the tasks and nothing else', () => {
  const top = ['LICENSE-APACHE', 'LICENSE-MIT', '[Content_Types].xml', 'analyze', 'extension.vsixmanifest',
    'extension.vsomanifest', 'icon-128.png', 'overview.md', 'prepare', 'publish', ...GATES];
  for (const gate of GATES) assert.deepEqual(relative(path.join(UNPACKED, gate)), ['', 'icon.png', 'task.json']);
  assert.deepEqual(fs.readdirSync(UNPACKED).sort(), top.sort());
  for (const step of STEPS) {
    const built = path.join(ROOT, 'target', 'tasks', step);
    const carried = step === 'analyze' ? [] : ['bin', path.join('bin', PLATFORM + '.br')];
    const expected = ['', ...carried, 'binaries.json', 'icon.png', 'run.js', 'task.json'].sort();
    assert.deepEqual(relative(path.join(UNPACKED, step)), expected);
    // Launchers that ran there have unpacked the program.
    assert.deepEqual(relative(built).filter(name => !name.startsWith('unpacked')), expected);
    for (const name of expected.filter(each => each && each !== 'bin')) {
      const [packed, source] = [path.join(UNPACKED, step, name), path.join(built, name)].map(file => fs.readFileSync(file));
      assert.ok(packed.equals(source), name);
    }
  }
});

test('every version is that of Cargo.toml', () => {
  const [Major, Minor, Patch] = version().split('.').map(Number);
  for (const step of [...STEPS, ...GATES]) {
    const built = json(UNPACKED, step, 'task.json');
    assert.deepEqual(built.version, { Major, Minor, Patch });
    delete built.version;
    assert.deepEqual(built, json(ROOT, 'task', step, 'task.json'));
    if (STEPS.includes(step)) assert.equal(json(UNPACKED, step, 'binaries.json').version, version());
  }
  assert.ok(read(UNPACKED, 'extension.vsixmanifest').includes(
    `<Identity Language="en-US" Publisher="sonar-azdo" Id="sonar-azdo" Version="${version()}"/>`));
});

test('the manifests offer the tasks and the service connection type to Azure DevOps Services and Server 2019', () => {
  const xml = read(UNPACKED, 'extension.vsixmanifest');
  assert.ok(xml.includes('<InstallationTarget Id="Microsoft.VisualStudio.Services"/>'));
  assert.ok(xml.includes('<InstallationTarget Id="Microsoft.TeamFoundation.Server" Version="[16.0,)"/>'));
  for (const [, name] of xml.matchAll(/ Path="([^"]*)"/g)) assert.ok(fs.existsSync(path.join(UNPACKED, name)), name);
  const { contributions, scopes } = json(UNPACKED, 'extension.vsomanifest');
  assert.deepEqual(scopes, ['vso.build', 'vso.code']);
  assert.deepEqual(contributions.map(each => [each.type, each.properties.name]), [
    ...[...STEPS, ...GATES].map(task => ['ms.vss-distributed-task.task', task]),
    ['ms.vss-endpoint.service-endpoint-type', 'sonar-azdo'],
  ]);
});

test('the three steps run from the unpacked package, with the binary that it promises', async () => {
  const temporary = directory('temp');
  for (const step of STEPS) {
    // Without a service connection there is nothing to analyse. Each step must say so and report it as its result.
    const env = { INPUT_SONARQUBE: '', SYSTEM_DEFAULTWORKINGDIRECTORY: directory('sources') };
    const result = await launch(path.join(UNPACKED, step), temporary, { env });
    assert.equal(result.code, 0, result.out + result.err);
    const results = commands(result.out).filter(each => each.name === 'task.complete');
    assert.deepEqual(results.map(each => each.properties.result), ['Failed'], result.out);
  }
  const { sha256: expected } = json(UNPACKED, 'prepare', 'binaries.json').binaries[PLATFORM];
  const ofHash = expected.slice(0, 16);
  assert.deepEqual(relative(path.join(temporary, 'sonar-azdo-bin')), ['', ofHash, path.join(ofHash, 'path')]);
  for (const step of ['prepare', 'publish']) {
    assert.equal(sha256(fs.readFileSync(path.join(UNPACKED, step, 'unpacked', ofHash, 'sonar-azdo'))), expected);
  }
  assert.equal(fs.existsSync(path.join(UNPACKED, 'analyze', 'unpacked')), false);
});

finish();
