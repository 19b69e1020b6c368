import { readdirSync, readFileSync } from 'node:fs'
import { delay, task } from 'cowait'

const place = (): string => (process.cwd().startsWith('/cowait/') ? 'container' : 'process')

export const leaf = task(async ({ seconds = 0 }: { seconds?: number }) => {
  console.log('leaf in', place())
  await delay(seconds * 1000)
  return [place()]
})

export const leafOutside = task({
  engine: 'process',
  run: async ({ seconds = 0 }: { seconds?: number }) => {
    console.log('leaf in', place())
    await delay(seconds * 1000)
    return [place()]
  },
})

/** In a container, wherever its caller is, with a child in a process. */
export const boxed = task(async (input: { seconds?: number }): Promise<string[]> => {
  console.log('boxed in', place())
  return [place(), ...(await leafOutside(input))]
})

/** What whoever has taken over a container would say. */
export const breaksOut = task(async () => {
  const refusal = (error: Error): string => error.message
  return await Promise.all([
    leaf.with({ engine: 'process' })({}).catch(refusal),
    leaf({}, { volumes: { '/host': { bind: '/' } } }).catch(refusal),
  ])
})

export const fromProcess = task(async (input: { seconds?: number }) => [
  place(),
  ...(await boxed.with({ engine: 'docker', image: 'node:24-slim' })(input)),
])

export const twoBoxes = task(async () => {
  const [one, two] = await Promise.all([
    boxed.with({ engine: 'docker', image: 'node:24-slim' })({}),
    leaf.with({ engine: 'docker', image: 'node:24-slim' })({}),
  ])
  return [place(), ...one, ...two]
})

/** Everything that can be read about the processes of the worker's container: how they were started and with which variables. */
export const guarded = task(async (_input: { password?: string }) => {
  const seen = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => ['environ', 'cmdline'].map((file) => read(`/proc/${pid}/${file}`)))
  return { seen: seen.join('\n').replaceAll('\0', ' '), secret: process.env['SECRET'] }
})

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
