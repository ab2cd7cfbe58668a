// Draws the icons of the tasks (32 pixels) and of the extension (128): a gate with a tick.
//   node scripts/lib/icon.js    writes task/icon.png and task/icon-128.png
'use strict';

const fs = require('fs');
const path = require('path');
const zlib = require('zlib');

const TEAL = [11, 94, 104];
const WHITE = [255, 255, 255];
const GREEN = [134, 239, 172];

/** Distance of (x, y) from the segment a-b. All lengths are fractions of the icon's width. */
function toSegment(x, y, [ax, ay], [bx, by]) {
  const [dx, dy] = [bx - ax, by - ay];
  const t = Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)));
  return Math.hypot(x - ax - t * dx, y - ay - t * dy);
}

/** Signed distance from a rounded square around the centre. */
function toSquare(x, y, half, radius) {
  const [dx, dy] = [Math.abs(x - 0.5) - half + radius, Math.abs(y - 0.5) - half + radius];
  return Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0) - radius;
}

/** Signed distance from the gate: two posts under half a circle. */
function toGate(x, y) {
  const line = y < 0.48
    ? Math.abs(Math.hypot(x - 0.5, y - 0.48) - 0.29)
    : Math.min(toSegment(x, y, [0.21, 0.48], [0.21, 0.8]), toSegment(x, y, [0.79, 0.48], [0.79, 0.8]));
  return line - 0.05;
}

function toTick(x, y) {
  return Math.min(toSegment(x, y, [0.36, 0.58], [0.47, 0.7]), toSegment(x, y, [0.47, 0.7], [0.66, 0.42])) - 0.055;
}

function png(size) {
  const rows = Buffer.alloc(size * (size * 4 + 1));
  const covers = distance => Math.max(0, Math.min(1, 0.5 - distance * size));
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const [x, y] = [(column + 0.5) / size, (row + 0.5) / size];
      let colour = TEAL;
      for (const [ink, cover] of [[WHITE, covers(toGate(x, y))], [GREEN, covers(toTick(x, y))]]) {
        colour = colour.map((under, i) => Math.round(under + (ink[i] - under) * cover));
      }
      const alpha = Math.round(255 * covers(toSquare(x, y, 0.5, 0.18)));
      rows.set([...colour, alpha], row * (size * 4 + 1) + 1 + column * 4);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header.set([8, 6, 0, 0, 0], 8); // 8 bits a channel, RGB and alpha
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header), chunk('IDAT', zlib.deflateSync(rows, { level: 9 })), chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  let crc = 0xffffffff;
  for (const byte of body) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  const frame = Buffer.alloc(body.length + 8);
  frame.writeUInt32BE(data.length, 0);
  body.copy(frame, 4);
  frame.writeUInt32BE((crc ^ 0xffffffff) >>> 0, body.length + 4);
  return frame;
}

const task = path.join(__dirname, '..', '..', 'task');
fs.writeFileSync(path.join(task, 'icon.png'), png(32));
fs.writeFileSync(path.join(task, 'icon-128.png'), png(128));
