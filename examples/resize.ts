import { task } from 'cowait'
import { z } from 'zod'
const Format = z.enum(['webp', 'avif'])
export const resize = task({
  input: z.object({
    file: z.string().describe('path or URL'),
    width: z.int().positive().default(640),
    formats: z.array(Format).default(['webp']),
  }),
  output: z.object({ files: z.array(z.string()), at: z.date() }),
  memory: '512m',
  async run({ file, width, formats }) {
    return { files: formats.map((f) => `${file}@${width}.${f}`), at: new Date() }
  },
})
