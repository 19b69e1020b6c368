/**
 * What a task can see, and what others can see of it. A worker of engine `process` has the rights of its user: it reads what that
 * one reads, other processes included, and is protected from mistakes alone; see docs/failure-semantics.md.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { describe, expect, test } from 'vitest'
import { openHost } from '../conformance/host.ts'
import { hasDocker } from './docker/available.ts'

const secret = `secret-${process.pid}-${Math.random().toString(36).slice(2)}`
const ours = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'USER', 'SHELL', 'TOKEN']
const dockerSockets = ['/var/run/docker.sock', '/run/docker.sock']

interface Seen {
  readonly environment: string[]
  readonly others: string[]
  readonly descriptors: string[]
  /** Ids of processes whose memory it could open. */
  readonly opened: string[]
  /** Of itself, as the kernel says it. */
  readonly status: Readonly<Record<string, string>>
  readonly reached: string[]
}

async function spy(engine: 'process' | 'docker', look: (seen: Seen, worker: string) => void): Promise<void> {
  process.env['COWAIT_TEST_HOST'] = 'of the host'
  await using host = await openHost({ name: engine, isolated: true, options: { engine } })
  const controlSocket = host.supervisor.directory
  const run = host.start(
    'spying:spies',
    { paths: [...dockerSockets, controlSocket, homedir(), import.meta.filename] },
    { env: { TOKEN: secret }, grace: '0s' },
  )
  const starting = await host.event('starting', (event) => event.run === run.id)
  const said = await host.event('log', (event) => event.text.startsWith('seen '))
  look(JSON.parse(said.text.slice('seen '.length)) as Seen, starting.worker)
  run.cancel({ code: 'TASK_CANCELLED', message: 'seen enough' })
  await run.settled
  expect(JSON.stringify(host.events)).not.toContain(secret)
}

/** The command lines and the environments at their start, of all processes of this machine but this one. */
function processList(): string {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  return pids.map((pid) => `${read(`/proc/${pid}/cmdline`)}${read(`/proc/${pid}/environ`)}`).join('\n')
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}

describe.skipIf(process.platform !== 'linux')('what can be seen', () => {
  test('of a task in a process: no variable of the host, and its secrets nowhere', async () => {
    await spy('process', (seen) => {
      const foreign = seen.environment.filter((name) => !ours.includes(name) && !/^(COWAIT_|NODE_|LC_|PWD$)/.test(name))
      expect(foreign).toEqual([])
      expect(seen.environment).not.toContain('COWAIT_TEST_HOST')
      expect(seen.descriptors.filter((target) => target.includes('docker') || target.includes('control'))).toEqual([])
      expect(processList()).not.toContain(secret)
    })
  })

  test.skipIf(!hasDocker())('of a task in a container: itself alone, and its secrets nowhere', async () => {
    await spy('docker', (seen, worker) => {
      expect(seen.environment).not.toContain('COWAIT_TEST_HOST')
      expect(seen.environment.filter((name) => /DOCKER|KUBE|AWS|SSH/.test(name))).toEqual([])
      expect(seen.reached.filter((path) => path !== homedir())).toEqual([])
      expect(seen.others.filter((line) => line.includes('vitest') || line.includes('dockerd'))).toEqual([])
      const none = '0000000000000000'
      expect(seen.status).toMatchObject({ CapEff: none, CapPrm: none, CapBnd: none, CapAmb: none, NoNewPrivs: '1', Seccomp: '2' })
      // Whatever it could open is its own: process 1 here is not the host's, and no more are there than it sees.
      expect(seen.opened.length).toBeLessThanOrEqual(seen.others.length)
      expect(seen.others.length).toBeLessThanOrEqual(4)
      const id = execFileSync('docker', ['ps', '-q', '--filter', `label=cowait.worker=${worker}`], { encoding: 'utf8' }).trim()
      const inspected = execFileSync('docker', ['inspect', id], { encoding: 'utf8' })
      expect(inspected).toContain(worker)
      expect(inspected).not.toContain(secret)
      expect((JSON.parse(inspected) as [{ HostConfig: { Privileged: boolean } }])[0].HostConfig.Privileged).toBe(false)
      expect(processList()).not.toContain(secret)
    })
  })
})
