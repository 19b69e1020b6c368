import { writeSync } from 'node:fs'

const part = Buffer.alloc(1 << 20)
for (let i = 0; i < 64; i++) for (let at = 0; at < part.length;) at += writeSync(3, part, at)
