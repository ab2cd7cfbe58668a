'use strict';
// The generated parts of docs/, see scripts/docs.

const fs = require('fs');
const path = require('path');

const ROOT = path.join(__dirname, '..', '..');

// Pages that say more about an input.
const MORE = {
  prepare: {
    SonarQube: '../scanners.md', monorepo: '../monorepos.md', changedOnly: '../monorepos.md#only-what-changed',
    extraProperties: 'properties.md#extraproperties', trustSettingsFile: '../security.md#which-file-may-set-what',
    scopeFrom: '../security.md#what-the-repository-may-leave-out', analysisName: '../several-analyses.md',
    branch: '../branches.md', defaultBranch: '../branches.md#the-default-branch', tags: '../branches.md#tags',
    onUnsupportedBranch: '../branches.md', unshallow: '../shallow-clones.md', cache: '../security.md#caches',
    allowHttp: '../security.md#network', allowInvalidCertificate: '../security.md#network',
    buildWrapper: '../scanners.md#c-c-objective-c-the-build-wrapper', dotnetScannerVersion: 'scanner-dotnet.md',
    nugetSource: 'scanner-dotnet.md', cliScannerVersion: 'scanner-cli.md', scannerDownloadUrl: 'scanner-cli.md#where-it-comes-from',
  },
  analyze: {
    jdkversion: 'java.md', passEnvironment: 'environment.md', jvmProfile: '../performance.md#java-options',
    analysisName: '../several-analyses.md', exportTo: '../several-analyses.md#join-jobs-with-an-artifact',
    onMissingConnection: '../several-analyses.md#pull-requests-from-forks', allowInvalidCertificate: '../security.md#network',
  },
  publish: {
    pollingTimeoutSec: 'verdicts.md#waiting', onQualityGateFailure: '../quality-gate.md#what-a-verdict-does-to-the-task',
    onNothingAnalysed: 'verdicts.md#an-analysis-of-nothing',
    onMissingConnection: '../several-analyses.md#pull-requests-from-forks',
    analyses: '../several-analyses.md#join-jobs-with-an-artifact', projects: '../several-analyses.md#join-jobs-with-an-artifact',
    reportTaskFiles: '../several-analyses.md#without-sonarprepare', projectKey: '../several-analyses.md#without-sonarprepare',
    allowHttp: '../security.md#network', allowInvalidCertificate: '../security.md#network',
  },
};

const code = text => '`' + text + '`';

// `scannerMode = cli && configMode = file` as `cli` and `file`.
function usedWhen(input) {
  const rule = (input.visibleRule || '').split(' || ')
    .map(all => all.split(' && ').map(each => each.split(' = ')[1]).filter(Boolean).map(code).join(' and '))
    .join(' or ');
  return [rule, input.required && !input.defaultValue ? 'required' : ''].filter(Boolean).join(', ');
}

function inputs(task) {
  const rows = JSON.parse(fs.readFileSync(path.join(ROOT, 'task', task, 'task.json'))).inputs.map(input => {
    const names = [code(input.name), ...(input.aliases || []).map(alias => `(alias ${code(alias)})`)].join(' ');
    // A default of comment lines is no value.
    const value = (input.defaultValue || '').startsWith('#') ? '' : input.defaultValue;
    const values = input.options && input.name !== 'jdkversion'
      ? Object.entries(input.options).map(([key, label]) => code(key) + (label.startsWith(key) ? '' : ` (${label})`)).join(', ')
      : '';
    const more = (MORE[task] || {})[input.name];
    const text = [
      input.helpMarkDown, values && `Values: ${values}.`, more && `[More](${more}).`,
    ].filter(Boolean).join(' ').replace(/\|/g, '\\|');
    return `| ${names} | ${value ? code(value) : ''} | ${usedWhen(input)} | ${text} |`;
  });
  return ['| Input | Default | Used with | Meaning |', '|---|---|---|---|', ...rows].join('\n');
}

// The first sentence of the comment at the top of a Rust file.
function meaning(file) {
  const lines = [];
  for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
    if (!/^\/\/! ?\S/.test(line)) break;
    lines.push(line.replace(/^\/\/! ?/, ''));
  }
  const sentence = lines.join(' ').replace(/\.( .*)?$/, '');
  return sentence.replace(/\[(`[^`]*`)\]/g, '$1').replace(/\|/g, '\\|');
}

// The Rust files of a folder and the folders in it. Files `tests.rs` are left out: they test the file beside them.
function filesBelow(folder, depth = Infinity) {
  const entries = fs.readdirSync(path.join(ROOT, folder), { withFileTypes: true });
  entries.sort((a, b) => a.name < b.name ? -1 : 1);
  const files = entries.filter(entry => entry.name.endsWith('.rs') && entry.name !== 'tests.rs')
    .map(entry => `${folder}/${entry.name}`);
  const folders = entries.filter(entry => entry.isDirectory() && depth > 1).map(entry => `${folder}/${entry.name}`);
  return files.concat(...folders.map(each => filesBelow(each, depth - 1)));
}

function files(folder, depth) {
  const rows = filesBelow(folder, depth).map(file => `| ${code(file)} | ${meaning(path.join(ROOT, file))} |`);
  return ['| File | What it is |', '|---|---|', ...rows].join('\n');
}

function sources(folder = path.join(ROOT, 'src')) {
  return [].concat(...fs.readdirSync(folder, { withFileTypes: true }).map(entry => {
    const file = path.join(folder, entry.name);
    return entry.isDirectory() ? sources(file) : entry.name.endsWith('.rs') && entry.name !== 'tests.rs' ? [fs.readFileSync(file, 'utf8')] : [];
  }));
}

// The text of a constant table in the code.
function table(name) {
  const found = sources().map(text => new RegExp(`const ${name}: [^=]*=\\s*&?\\[([^]*?)\\];`).exec(text)).filter(Boolean);
  if (found.length !== 1) throw new Error(`src has ${found.length} tables ${name}; scripts/lib/docs.js reads one`);
  return found[0][1];
}

const strings = text => [...text.matchAll(/"([^"]*)"/g)].map(match => match[1]);

const PARTS = {
  'inputs of SonarPrepare': () => inputs('prepare'),
  'inputs of SonarAnalyze': () => inputs('analyze'),
  'inputs of SonarPublish': () => inputs('publish'),
  'inputs of SonarGate': () => inputs('gate'),
  'inputs of SonarBuildGate': () => inputs('build-gate'),
  'known versions of the SonarScanner CLI': () => table('RELEASES').split('\n').map(strings)
    .filter(row => row.length).map(([version, sha256]) => `| ${version} | ${code(sha256)} |`)
    .reduce((all, row) => `${all}\n${row}`, '| Version | SHA-256 |\n|---|---|'),
};
for (const name of ['OF_ALL', 'OF_PROGRAMS', 'OF_BUILD', 'OF_ANALYZERS', 'OF_DOTNET', 'OF_FEEDS', 'OF_GIT', 'SECRETS', 'WITHHELD']) {
  PARTS[`variables ${name}`] = () => strings(table(name)).map(code).join(', ');
}

// `files of src/step`; of src and tests/it themselves only the files that are in no folder.
function part(name) {
  const folder = (/^files of (.*)$/.exec(name) || [])[1];
  return folder ? () => files(folder, ['src', 'tests/it'].includes(folder) ? 1 : Infinity) : PARTS[name];
}

function render(text, file) {
  return text.replace(/<!-- scripts\/docs: (.*?) -->\n[^]*?<!-- end -->/g, (_, name) => {
    const write = part(name);
    if (!write) throw new Error(`${file}: there is no part "${name}". The parts are: files of FOLDER; ${Object.keys(PARTS).join('; ')}.`);
    return `<!-- scripts/docs: ${name} -->\n${write()}\n<!-- end -->`;
  });
}

function pages(folder = path.join(ROOT, 'docs')) {
  return [].concat(...fs.readdirSync(folder, { withFileTypes: true }).map(entry => {
    const file = path.join(folder, entry.name);
    return entry.isDirectory() ? pages(file) : entry.name.endsWith('.md') ? [file] : [];
  }));
}

const isCheck = process.argv[2] === '--check';
const changed = pages().filter(file => {
  const before = fs.readFileSync(file, 'utf8');
  const after = render(before, path.relative(ROOT, file));
  if (after !== before && !isCheck) fs.writeFileSync(file, after);
  return after !== before;
}).map(file => path.relative(ROOT, file));
if (changed.length > 0) console.log(`${isCheck ? 'out of date, run scripts/docs' : 'written'}: ${changed.join(', ')}`);
process.exitCode = isCheck && changed.length > 0 ? 1 : 0;
