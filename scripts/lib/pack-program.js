'use strict';
// Rearranges a program so that it packs better. task/run.js undoes it, in milliseconds, and then checks the SHA-256.
//
// - Calls, and instructions that read or write data at a distance from themselves, name their targets by that distance, so two
//   calls of one function differ. Counted from the start of the code they are alike. Packers such as xz do the same ("BCJ").
// - The tables for unwinding (.eh_frame) hold distances, too: each becomes the small difference to the one before it. The
//   sorted index of them (.eh_frame_hdr) is left out, because it can be made from them.
//
// Of the program for Linux this takes a tenth off.

const { eachFrame, shiftTargets, unpackFrames } = require('../../task/run.js');

/** {content, packing}: the rearranged program, and what binaries.json says about it. */
function rearranged(program, platform) {
  const content = Buffer.from(program);
  const sections = sectionsOfElf(content);
  const packing = {};
  if (sections['.eh_frame'] && sections['.eh_frame_hdr']) {
    const frames = { table: sections['.eh_frame'], index: sections['.eh_frame_hdr'] };
    packFrames(content, frames);
    const again = Buffer.from(content);
    unpackFrames(again, frames);
    if (again.equals(program)) packing.frames = frames;
    else program.copy(content);
  }
  if (platform.endsWith('-x64')) {
    packing.code = sections['.text'] || { offset: 0, size: content.length };
    shiftTargets(content, packing.code, 1);
  }
  return { content, packing };
}

/** The sections of a 64-bit little-endian ELF file by name, each {offset, address, size}; none of any other file. */
function sectionsOfElf(file) {
  const found = {};
  if (file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) return found;
  const number = (at) => Number(file.readBigUInt64LE(at));
  const headers = number(0x28);
  const [size, count, names] = [0x3a, 0x3c, 0x3e].map((at) => file.readUInt16LE(at));
  const header = (index) => headers + index * size;
  const nameTable = number(header(names) + 0x18);
  for (let index = 0; index < count; index++) {
    const at = header(index);
    const from = nameTable + file.readUInt32LE(at);
    const name = file.toString('latin1', from, file.indexOf(0, from));
    found[name] = { address: number(at + 0x10), offset: number(at + 0x18), size: number(at + 0x20) };
  }
  return found;
}

/** What unpackFrames of task/run.js undoes. */
function packFrames(code, { table, index }) {
  const address = (at) => at - table.offset + table.address;
  let [end, exceptions] = [0, 0];
  eachFrame(code, table, (at, toCommon) => {
    const from = code.readInt32LE(at + 8) + address(at + 8);
    code.writeUInt32LE(at + 4 - toCommon - table.offset + 1, at + 4);
    code.writeInt32LE(from - end, at + 8);
    end = from + code.readInt32LE(at + 12);
    if (code[at + 16] === 4) {
      const to = code.readInt32LE(at + 17) + address(at + 17);
      code.writeInt32LE(to - exceptions, at + 17);
      exceptions = to;
    }
  });
  code.fill(0, index.offset + 12, index.offset + index.size);
}

module.exports = { rearranged };
