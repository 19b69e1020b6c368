/** The Docker daemon is killed, or restarted in order, under a tree of runs: looked at from outside, on a daemon of the test's own. */
import { expect, it } from 'vitest'
import type { RunEvent } from '../../src/core/events.ts'
import { Invocation, type Ended } from '../cli/cowait.ts'
import { describeDocker } from '../engines/docker/rig.ts'
import { SecondDaemon } from '../engines/docker/second-daemon.ts'
import { processesWith } from '../fixtures/process/lab.ts'
import { Place } from './place.ts'

/** From the death of the daemon until everybody is told. */
const TOLD_MS = 30_000

const tasks = `import { delay, task } from 'cowait'
export const leaf = task(async () => {
  console.log('stands')
  await delay('1h')
})
export const middle = task(async () => await leaf())
export const root = task(async () => await middle())
export const quick = task(async () => 42)
`

describeDocker('the Docker daemon, under a tree of runs,', () => {
  it.each([
    ['SIGKILL', /the connection to its worker was lost .*No Docker engine runs at unix:/],
    ['SIGTERM', /through the engine by somebody else \(.* or a shutdown\)/],
  ] as const)(
    'ended by %s: the cause is told, nothing stays here, and what it still knows when it is back goes with the next run',
    async (signal, cause) => {
      await using daemon = await SecondDaemon.start()
      daemon.loadImage()
      using place = new Place(tasks)
      const env = { TMPDIR: place.temporary, DOCKER_HOST: daemon.host, COWAIT_ENGINE: 'docker' }
      const start = (...args: string[]): Invocation => new Invocation(['run', '--no-record', ...args], { cwd: place.root, env })

      const tree = start('tasks:root', '--ndjson')
      await tree.prints('"text":"stands"')
      const died = performance.now()
      await daemon.down(signal)
      const ended = await tree.ended
      expect(performance.now() - died).toBeLessThan(TOLD_MS)
      expect(ended).toMatchObject({ code: 3, stderr: '' })
      expect(errorOf(ended)).toMatchObject({ code: 'TASK_LOST', message: expect.stringMatching(cause) as string })
      await expect.poll(() => processesWith(place.temporary), { timeout: 10_000 }).toEqual([])
      expect(place.private()).toEqual([])

      await daemon.up()
      expect(await start('tasks:quick', '-q').ended).toEqual({ code: 0, stdout: '42\n', stderr: '' })
      await expect.poll(() => containersOf(daemon), { timeout: 20_000 }).toEqual([])
    },
    180_000,
  )
})

/**
 * Those that there are. A daemon that comes back removes containers while it still ties up their names, and may go on listing one, nameless
 * and "Dead", that it does not know any more ("failed to register link for container" in its log).
 */
async function containersOf(daemon: SecondDaemon): Promise<string[]> {
  const ids = (await daemon.docker('ps', '-aq', '--no-trunc')).split('\n').filter(Boolean)
  const inspected = ids.map((id) =>
    daemon.docker('inspect', '--format', '{{.Name}} {{.State.Status}}', id).catch((error: Error) => {
      if (!error.message.includes(`No such object: ${id}`)) throw error
      return ''
    }),
  )
  return (await Promise.all(inspected)).filter(Boolean)
}

function errorOf({ stdout }: Ended): unknown {
  const events = stdout.trim().split('\n')
  const settled = events.map((line) => JSON.parse(line) as RunEvent).findLast(({ type }) => type === 'settled')
  return settled?.type === 'settled' ? settled.error : undefined
}
