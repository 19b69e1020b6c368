import { task } from 'cowait'
import { z } from 'zod'

const Format = z.enum(['webp', 'avif'])

export const resize = task({
  description: 'Makes smaller images.',
  input: z.object({
    file: z.string().describe('path or URL'),
    width: z.int().positive().default(640),
    formats: z.array(Format).default(['webp']),
    until: z.date().optional(),
  }),
  output: z.object({ files: z.array(z.string()), at: z.date().nullable() }),
  async run({ file, width, formats, until }) {
    return { files: formats.map((format) => `${file}@${width}.${format}`), at: until ?? null }
  },
})
