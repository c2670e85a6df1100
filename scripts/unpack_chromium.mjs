// Unpack the Chromium that an npm package carries (headless, x86-64, with the libraries and a font that bare machines lack) into the folder given
// as the argument. The package's own unpacker is not used: it wants a newer Node than the state machine validator, and one folder for all.
import { createReadStream, createWriteStream, mkdirSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";
import { extract } from "tar-fs";

const packed = new URL("../node_modules/@sparticuz/chromium/bin/", import.meta.url);
const folder = process.argv[2];
mkdirSync(folder, { recursive: true });
const unpack = (name, target) => pipeline(createReadStream(new URL(name, packed)), createBrotliDecompress(), target);
await Promise.all([
  unpack("al2023.tar.br", extract(folder)),
  unpack("fonts.tar.br", extract(folder)),
  unpack("chromium.br", createWriteStream(join(folder, "chromium"), { mode: 0o755 })),
]);
