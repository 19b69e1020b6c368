/** Places where people run it that are not as they should be: it works, or says what is wrong and what to do; and nothing is left. */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { descendants, gone, Invocation } from '../cli/cowait.ts'
import { Place } from './place.ts'

const tasks = `import { task, delay } from 'cowait'
export const child = task(async ({ n, hold }: { n: number; hold: boolean }) => {
  if (hold) await delay('1h')
  return n * 2
})
export const parent = task(async ({ count = 2, hold = false }: { count?: number; hold?: boolean }) => {
  return await Promise.all(Array.from({ length: count }, (_, n) => child({ n, hold })))
})
export const big = task(async ({ size }: { size: number }) => 'x'.repeat(size))
export const pieces = task(async function* () {
  for (let n = 0; n < 3; n++) yield 'x'.repeat(3_000_000)
})
export const reads = task(async () => {
  let count = 0
  for await (const _ of pieces()) count++
  return count
})
export const answers = task({ run: async () => await delay('1h'), rpc: { size: (text: string) => text.length } })
export const asks = task(async () => {
  await using run = answers()
  return await run.rpc.size('x'.repeat(3_000_000))
})
`

function fill(folder: string): void {
  try {
    for (const size of [1_048_576, 4_096])
      for (let n = 0; n < 256; n++) writeFileSync(join(folder, `fill-${size}-${n}`), Buffer.alloc(size))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    return
  }
  throw new Error('the disk is larger than it should be')
}

const good = { code: 0, stdout: '[0,2]\n' }
const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
if (!isRoot) console.log('skipped: tests with a full or read-only disk need root on Linux')

describe.runIf(isRoot)('a disk', () => {
  test('that is full where code is compiled to: another place is taken, and the record that is missing is told', async () => {
    using place = new Place(tasks)
    fill(place.mount(join(place.root, '.cowait'), 'size=16k'))
    const ended = await place.run(['tasks:parent'])
    expect(ended).toMatchObject(good)
    expect(ended.stderr).toContain('the record of this run is not complete: ENOSPC')
    expect(place.private()).toEqual([])
  })

  test('that is full for temporary files as well: says so', async () => {
    using place = new Place(tasks)
    fill(place.mount(join(place.root, '.cowait'), 'size=16k'))
    fill(place.mount(place.temporary, 'size=16k'))
    const ended = await place.run(['tasks:parent'])
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toMatch(
      /can be kept neither in .*\.cowait \(the disk is full\) nor in .*tmp \(the disk is full\)\. Make one of them/,
    )
  })

  test('that is full for temporary files: says so, and leaves nothing there', async () => {
    using place = new Place(tasks)
    fill(place.mount(place.temporary, 'size=16k'))
    const ended = await place.run(['tasks:parent'])
    expect(ended).toMatchObject({ code: 3, stdout: '' })
    expect(ended.stderr).toMatch(/The private folder .* cannot be used: ENOSPC.*Set TMPDIR or XDG_RUNTIME_DIR/)
    expect(place.private()).toEqual([])
  })

  test('that a value does not fit on fails its run, which says so', async () => {
    using place = new Place(tasks)
    place.mount(place.temporary, 'size=1m')
    const ended = await place.run(['tasks:big', '-i', 'size=3000000'])
    expect(ended).toMatchObject({ code: 3, stdout: '' })
    expect(ended.stderr).toMatch(
      /answer was lost: A value of 30000\d\d bytes cannot be kept in .*ENOSPC.*set TMPDIR to a folder that has more/s,
    )
    expect(place.private()).toEqual([])
    expect(await place.run(['tasks:parent'])).toMatchObject(good)
  })

  test.each([
    ['reads', /pieces-\w+ was stopped: items that it yielded got lost: A value of .* cannot be kept in .*ENOSPC/s],
    ['asks', /size\(\) failed: the arguments of size\(\) got lost: A value of .* cannot be kept in .*ENOSPC/s],
  ])('that items or arguments do not fit on fails who waits for them: %s', async (name, why) => {
    using place = new Place(tasks)
    place.mount(place.temporary, 'size=1m')
    const ended = await place.run([`tasks:${name}`])
    expect(ended).toMatchObject({ stdout: '' })
    expect(ended.code).not.toBe(0)
    expect(ended.stderr).toMatch(why)
    expect(place.private()).toEqual([])
  })

  test('that is read-only where code is compiled to: another place is taken', async () => {
    using place = new Place(tasks)
    place.mount(join(place.root, '.cowait'), 'ro')
    expect(await place.run(['tasks:parent'])).toMatchObject(good)
    expect(readdirSync(join(place.root, '.cowait'))).toEqual([])
    expect(place.private()).toEqual([])
  })
})

test('three cold runs at once share one cache', async () => {
  using place = new Place(tasks)
  const all = await Promise.all([1, 2, 3].map(() => place.run(['tasks:parent', '-q'])))
  expect(all).toEqual(all.map(() => ({ ...good, stderr: '' })))
  const cache = join(place.root, '.cowait/cache')
  const names = ['.', 'trees', 'objects', 'analyses', 'described', 'uses'].flatMap((folder) => readdirSync(join(cache, folder)))
  expect(names.filter((name) => name.endsWith('.part'))).toEqual([])
  expect(place.private()).toEqual([])
})

test.each<[string, (place: Place) => NodeJS.ProcessEnv]>([
  ['TMPDIR does not exist', ({ base }) => ({ TMPDIR: join(base, 'not/there') })],
  ['HOME does not exist', () => ({ HOME: '/not/there' })],
  [
    'HOME, USER, LANG and SHELL are not set',
    () => ({ HOME: undefined, USER: undefined, LOGNAME: undefined, LANG: undefined, SHELL: undefined }),
  ],
])('%s: it works', async (_, env) => {
  using place = new Place(tasks)
  expect(await place.run(['tasks:parent', '-q'], env(place))).toEqual({ ...good, stderr: '' })
})

test('TMPDIR is a file: says so', async () => {
  using place = new Place(tasks)
  const ended = await place.run(['tasks:parent', '-q'], { TMPDIR: join(place.root, 'package.json') })
  expect(ended).toMatchObject({ code: 3, stdout: '' })
  expect(ended.stderr).toMatch(/The private folder .*package\.json.* cannot be used.*Set TMPDIR or XDG_RUNTIME_DIR/)
})

test('a path with spaces, unicode, quotes and more than 200 characters', async () => {
  const part = `a b ü 日本 'q' "d" %20 #1 & $HOME ${'ö'.repeat(40)}`
  using place = new Place(tasks, join(part, part, part))
  expect(place.root.length).toBeGreaterThan(200)
  expect(await place.run(['tasks:parent', '-q'])).toEqual({ ...good, stderr: '' })
  expect(await place.run([join(place.root, 'tasks.ts:parent'), '-q'])).toEqual({ ...good, stderr: '' })
})

describe.runIf(process.platform === 'linux')('the limit of open files', () => {
  const withLimit = (limit: number, { root, temporary }: Place, ...args: string[]): Invocation =>
    new Invocation(['run', 'tasks:parent', ...args], {
      cwd: root,
      env: { TMPDIR: temporary },
      through: ['sh', '-c', `ulimit -n ${limit}; exec "$0" "$@"`],
    })
  const limited = (place: Place, ...args: string[]): Invocation => withLimit(90, place, ...args)

  test('is reached: says so, and ends what has begun', async () => {
    using place = new Place(tasks)
    const run = limited(place, '-i', 'count=60', '-i', 'hold=true', '--concurrency', '60')
    const seen = new Set<number>()
    const watch = setInterval(() => descendants(run.child.pid!).forEach((pid) => seen.add(pid)), 50)
    const ended = await run.ended
    clearInterval(watch)
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(/limit of open files is reached \(EMFILE\)\. Raise the limit \(ulimit -n\), or run fewer tasks at once/)
    await gone([...seen])
    expect(place.private()).toEqual([])
  })

  test.each([20, 32, 48])('is %i, too low to load the program: says so', async (limit) => {
    using place = new Place(tasks)
    expect(await withLimit(limit, place).ended).toEqual({
      code: 2,
      stdout: '',
      stderr: `cowait needs 64 open files at least, and the limit here is ${limit}. Raise it: ulimit -n 1024\n`,
    })
  })

  test('is low: few workers at once work', async () => {
    using place = new Place(tasks)
    expect(await limited(place, '-i', 'count=12', '-q', '--concurrency', '4').ended).toMatchObject({ code: 0, stderr: '' })
  })
})
