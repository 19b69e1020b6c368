import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { ownHome } from '../../src/engines/host-process.ts'
import { findMark, markValue, workerMark } from '../../src/engines/process/marker.ts'
import { ProcessTable } from '../../src/engines/process/process-table.ts'

describe('a mark', () => {
  it('carries any id and name through an environment', () => {
    const mark = { home: ownHome(), owner: 'o.1', id: 'a/b c%\n=', name: 'n.é', createdAt: 17 }
    const environment = `PATH=/bin\0OTHER=COWAIT_WORKER=1-1-1.x.y.1.z\0COWAIT_WORKER=${markValue(mark)}\0LAST=1\0`
    expect(findMark(environment)).toEqual(mark)
    expect(environment).toContain(workerMark(mark.home, mark.owner, mark.id))
  })

  it.each(['', 'COWAIT_WORKER=outer\0', 'COWAIT_WORKER=1-2-3.a.b\0', 'COWAIT_WORKER=1-2-3.%.b.1.c\0', 'X=COWAIT_WORKER=1-2-3.a.b.1.c\0'])(
    'is not what only looks like one: %j',
    (environment) => expect(findMark(environment)).toBeUndefined(),
  )
})

describe.skipIf(process.platform !== 'linux')('the table of processes', () => {
  it('goes through all processes once for requests that come together', async () => {
    const table = new ProcessTable()
    await table.prime()
    const sleepers = await Promise.all(Array.from({ length: 20 }, (_, index) => sleeper(`table-${process.pid}-${index}.`)))
    try {
      const found = await Promise.all(sleepers.map(({ child, name }) => table.find(name, table.momentOf(child.pid!))))
      expect(found).toEqual(sleepers.map(({ child }) => [child.pid]))
      expect(table.scans).toBeLessThanOrEqual(2)
    } finally {
      await Promise.all(sleepers.map(({ child }) => end(child)))
    }
    expect(await table.find(sleepers[0]!.name)).toEqual([])
  })

  it('looks at older processes too when ids may have wrapped around', async () => {
    const table = new ProcessTable()
    await table.prime()
    const { child, name } = await sleeper(`table-${process.pid}-old.`)
    try {
      const younger = 4_000_000
      expect(await table.find(name, { pid: younger, forks: table.momentOf(younger).forks })).toEqual([child.pid])
      expect(await table.find(name, { pid: child.pid! + 1, forks: Infinity })).toEqual([])
      expect(await table.find(name, { pid: child.pid! + 1, forks: -1e9 })).toEqual([child.pid])
    } finally {
      await end(child)
    }
  })

  it('finds a process that is in the middle of exec, where it shows no environment', async () => {
    const table = new ProcessTable()
    const name = `table-${process.pid}-exec.`
    const restless = ['-c', 'exec sh -c "$0" "$0"', 'exec sh -c "$0" "$0"']
    const child = spawn('sh', restless, { env: { PATH: process.env['PATH'], TABLE_TEST: name }, stdio: 'ignore' })
    await once(child, 'spawn')
    try {
      const since = { pid: child.pid!, forks: Infinity }
      for (let look = 0; look < 200; look++) expect(await table.find(name, since), `look ${look}`).toEqual([child.pid])
    } finally {
      await end(child)
    }
  })

  it('does not wait for a process that has no environment', async () => {
    const table = new ProcessTable()
    const child = spawn('sleep', ['1000'], { env: {}, stdio: 'ignore' })
    await once(child, 'spawn')
    try {
      const start = performance.now()
      for (let look = 0; look < 5; look++) expect(await table.find('nobody', { pid: child.pid!, forks: Infinity })).toEqual([])
      expect(performance.now() - start).toBeLessThan(1_000)
    } finally {
      await end(child)
    }
  })
})

async function sleeper(name: string): Promise<{ child: ChildProcess; name: string }> {
  const child = spawn('sleep', ['1000'], { env: { PATH: process.env['PATH'], TABLE_TEST: name }, stdio: 'ignore' })
  await once(child, 'spawn')
  return { child, name }
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}
