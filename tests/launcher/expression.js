// Evaluates success criteria of server tasks: the language of conditions, with `root`, `count` and `jsonpath`, as
// microsoft/azure-pipelines-tasks describes it in docs/authoring/servertaskauthoring.md and Microsoft Learn under
// "Expressions". Anything that is not described there, or not needed here, is an error.
'use strict';

/** Whether an answer with this body meets the criterion. Throws if the body is not JSON, because the server fails then. */
function meets(expression, body) {
  const root = JSON.parse(body);
  const tokens = tokenise(expression);
  const value = parse(tokens, root);
  if (tokens.length) throw new Error(`unexpected ${tokens[0].text}`);
  return truth(value);
}

function tokenise(text) {
  const tokens = [];
  const pattern = /\s*(?:('(?:[^']|'')*')|(-?\d+(?:\.\d+)?)|([A-Za-z_]\w*)|([(),[\].]))/y;
  while (text.slice(pattern.lastIndex).trim()) {
    const at = pattern.lastIndex;
    const match = pattern.exec(text);
    if (!match) throw new Error(`unexpected ${text.slice(at)}`);
    const [, string, number, name, sign] = match;
    // A quote in a string is written twice.
    if (string) tokens.push({ kind: 'value', value: string.slice(1, -1).replace(/''/g, "'"), text: string });
    else if (number) tokens.push({ kind: 'value', value: Number(number), text: number });
    else tokens.push({ kind: name ? 'name' : 'sign', text: name || sign });
  }
  return tokens;
}

function parse(tokens, root) {
  const { kind, text, value } = tokens.shift() || { text: 'nothing' };
  let found = value;
  if (kind === 'name') {
    const name = text.toLowerCase();
    if (name === 'true' || name === 'false') found = name === 'true';
    else if (name === 'root') found = root;
    else found = call(name, parameters(tokens, root), root);
  } else if (kind !== 'value') {
    throw new Error(`unexpected ${text}`);
  }
  while (tokens.length && (tokens[0].text === '[' || tokens[0].text === '.') && tokens[0].kind === 'sign') {
    let key;
    if (tokens.shift().text === '[') {
      key = parse(tokens, root);
      expect(tokens, ']');
    } else {
      key = expect(tokens);
    }
    found = member(found, key);
  }
  return found;
}

function parameters(tokens, root) {
  expect(tokens, '(');
  const values = [];
  while (tokens.length && tokens[0].text !== ')') {
    if (values.length) expect(tokens, ',');
    values.push(parse(tokens, root));
  }
  expect(tokens, ')');
  return values;
}

function expect(tokens, text) {
  const token = tokens.shift() || { text: 'the end' };
  if (text ? token.text !== text || token.kind !== 'sign' : token.kind !== 'name') {
    throw new Error(`unexpected ${token.text}, not ${text || 'a name'}`);
  }
  return token.text;
}

/** A missing value is null, and so is everything in it. */
function member(value, key) {
  if (value === null || typeof value !== 'object') return null;
  if (Array.isArray(value) ? !Number.isInteger(key) : typeof key !== 'string') return null;
  return Object.prototype.hasOwnProperty.call(value, key) ? value[key] : null;
}

function call(name, values, root) {
  const [left, right] = values;
  switch (name) {
    case 'eq': return equal(left, right);
    case 'ne': return !equal(left, right);
    case 'lt': return order(left, right) < 0;
    case 'le': return order(left, right) <= 0;
    case 'gt': return order(left, right) > 0;
    case 'ge': return order(left, right) >= 0;
    case 'and': return values.every(truth);
    case 'or': return values.some(truth);
    case 'xor': return truth(left) !== truth(right);
    case 'not': return !truth(left);
    case 'in': return values.slice(1).some(each => equal(left, each));
    case 'count': return Array.isArray(left) ? left.length : 0;
    case 'jsonpath': return select(left, root);
    default: throw new Error(`there is no function ${name}`);
  }
}

function truth(value) {
  return !(value === null || value === false || value === 0 || value === '');
}

/** The right value is converted to the type of the left. Strings are compared without case. */
function equal(left, right) {
  if (typeof left === 'string') return typeof right !== 'object' && lower(left) === lower(right);
  if (typeof left === 'number') return left === Number(right === '' ? NaN : right);
  if (typeof left === 'boolean') return left === truth(right);
  return left === right;
}

function order(left, right) {
  const difference = typeof left === 'number' ? left - Number(right) : lower(left) < lower(right) ? -1 : Number(lower(left) > lower(right));
  if (Number.isNaN(difference)) throw new Error(`${right} is not a number`);
  return difference;
}

const lower = value => String(value).toLowerCase();

/** JSONPath: `$`, `.name`, `..name`, `['name']`, `[n]` and filters of one comparison. */
function select(path, root) {
  let rest = path.replace(/^\$/, '');
  let found = [root];
  while (rest) {
    const match = /^(\.\.|\.|)(?:\['([^']*)'\]|\[(\d+)\]|\[\?\(@\.(\w+)\s*([<>]|==)\s*(\d+)\)\]|(\w+))/.exec(rest);
    if (!match) throw new Error(`not a JSONPath: ${rest}`);
    rest = rest.slice(match[0].length);
    const [, dots, quoted, index, field, operator, number, name] = match;
    const from = dots === '..' ? found.flatMap(descendants) : found;
    if (field) {
      const holds = each => ({ '<': each < number, '>': each > number, '==': each === Number(number) }[operator]);
      found = from.flatMap(each => Object.values(each)).filter(each => holds(member(each, field)));
    } else {
      const key = index === undefined ? quoted === undefined ? name : quoted : Number(index);
      found = from.filter(each => each !== null && typeof each === 'object')
        .filter(each => Array.isArray(each) === (typeof key === 'number') && Object.prototype.hasOwnProperty.call(each, key))
        .map(each => each[key]);
    }
  }
  return found;
}

function descendants(value) {
  if (value === null || typeof value !== 'object') return [];
  return [value, ...Object.values(value).flatMap(descendants)];
}

module.exports = { meets };
