import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cowait, Invocation, program, TestProject, type Ended } from './cowait.ts'

const oldNode = join(import.meta.dirname, '../../tools/node18/node_modules/.bin/node')
const isRoot = process.getuid?.() === 0
/** A root that may not do what the permissions of files forbid, where this is root. */
const obedient = isRoot ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search'] : []
const canObey = !isRoot || spawnSync('setpriv', [...obedient.slice(1), 'true']).status === 0

let project: TestProject
let server: Server

beforeAll(async () => {
  project = new TestProject()
  server = createServer((socket) => socket.destroy())
  await once(server.listen(join(project.root, 'forbidden.sock')), 'listening')
  chmodSync(join(project.root, 'forbidden.sock'), 0)
  writeFileSync(join(project.root, 'nobody-listens.sock'), '')
  mkdirSync(join(project.root, 'folder.json'))
  project.write('forbidden.json', '{}')
  chmodSync(join(project.root, 'forbidden.json'), 0)
  project.write('cut-off.json', '{ "timeout": ')
  project.write('throwing.config.ts', 'throw new Error("not configured")\n')
  project.write('cut-off.config.ts', 'export default {\n')
})

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve))
  project[Symbol.dispose]()
})

const dockerAt = (host: string): NodeJS.ProcessEnv => ({ COWAIT_ENGINE: 'docker', DOCKER_HOST: host.replace('HERE', project.root) })

async function expectMessage(ended: Promise<Ended>, code: number, texts: readonly string[]): Promise<void> {
  const { stderr, ...rest } = await ended
  for (const part of texts) expect(stderr).toContain(part)
  expect(rest).toEqual({ code, stdout: '' })
  expect(stderr).not.toMatch(/^ +at .*(dist\/|node:)/m)
}

describe('what the machine lacks ends with one message, how to mend it, and no stack of ours', () => {
  test.each([
    ['no Docker socket', 'unix://HERE/gone.sock', 3, ['No Docker engine runs at unix:///', 'Start Docker, or use --engine process']],
    ['a Docker socket on which nobody listens', 'unix://HERE/nobody-listens.sock', 3, ['No Docker engine runs at', 'Start Docker']],
    ['no Docker on a host', 'tcp://127.0.0.1:1', 3, ['No Docker engine runs at tcp://127.0.0.1:1', 'DOCKER_HOST']],
    ['a DOCKER_HOST that is no address', 'here', 2, ['DOCKER_HOST']],
  ])('%s', async (_what, host, code, texts) => {
    await expectMessage(cowait(['run', 'single'], { cwd: project.root, env: dockerAt(host) }), code, texts)
  })

  test.runIf(canObey)('no permission on the Docker socket', async () => {
    const options = { cwd: project.root, env: dockerAt('unix://HERE/forbidden.sock'), through: obedient }
    await expectMessage(new Invocation(['run', 'single'], options).ended, 3, [
      'No permission to use the Docker engine at unix:///',
      'sudo usermod -aG docker $USER',
    ])
  })

  test.each([
    ['a config that is cut off', 'cut-off.json', 'cut-off.json is not JSON'],
    ['a config that is a folder', 'folder.json', 'it is a folder'],
    ['a config with a syntax error', 'cut-off.config.ts', 'cut-off.config.ts:2:1: '],
    ['a config that throws', 'throwing.config.ts', 'not configured'],
  ])('%s', async (_what, config, part) => {
    await expectMessage(cowait(['run', 'single', '--config', config], { cwd: project.root }), 2, [part])
  })

  test.runIf(canObey)('a config that may not be read', async () => {
    const invocation = new Invocation(['run', 'single', '--config', 'forbidden.json'], { cwd: project.root, through: obedient })
    await expectMessage(invocation.ended, 2, ['forbidden.json cannot be read', 'you may not read it'])
  })

  // .ci/run installs it: npm ci --prefix tools/node18
  test.skipIf(!existsSync(oldNode)).each([['run', 'single'], ['--version'], ['doctor']])('a Node that is too old: %s', async (...args) => {
    const child = spawn(oldNode, [program, ...args], { cwd: project.root, stdio: ['ignore', 'pipe', 'pipe'] })
    const ended = Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)])
    const message = ended.then(([[code], stdout, stderr]) => ({ code: code as number | null, stdout, stderr }))
    await expectMessage(message, 2, ['cowait needs Node ^20.19.0 || >=22.12.0', 'this is 18.'])
  })
})

test('a pipe gets no colours, in CI neither', async () => {
  for (const env of [{ CI: 'true' }, { CI: 'true', TERM: 'dumb' }, { TERM: 'xterm-256color' }]) {
    const { stderr } = await cowait(['rnu'], { cwd: project.root, env })
    expect(stderr).toMatch(/^error unknown command/)
  }
})

test('a Docker engine that hangs is given up early, and what else there is is told', async () => {
  const held: Socket[] = []
  const hanging = createServer((socket) => held.push(socket))
  await once(hanging.listen(join(project.root, 'hanging.sock')), 'listening')
  const at = (...args: string[]): Promise<Ended> => cowait(args, { cwd: project.root, env: dockerAt('unix://HERE/hanging.sock') })
  const late = 'docker did not answer within'
  try {
    const [ps, prune, kill, rm] = await Promise.all([
      at('ps'),
      at('prune', '--wait', '1s', '--json'),
      at('kill', 'gone-1'),
      at('rm', 'gone-1'),
    ])
    expect(ps).toMatchObject({ code: 0, stderr: expect.stringContaining(`${late} 5s`) as string })
    expect(prune).toMatchObject({ code: 3, stderr: expect.stringContaining(`${late} 1s`) as string })
    expect(JSON.parse(prune.stdout)).toEqual({ process: expect.any(Number) as number })
    for (const ended of [kill, rm])
      expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining('so it may be there') as string })
  } finally {
    for (const socket of held) socket.destroy()
    await new Promise((resolve) => hanging.close(resolve))
  }
})

test.runIf(canObey)('a project that may not be written runs all the same, without a record', async () => {
  using readOnly = new TestProject()
  mkdirSync(join(readOnly.root, '.cowait/runs'), { recursive: true })
  for (const folder of ['.cowait/runs', '.cowait', '.']) chmodSync(join(readOnly.root, folder), 0o500)
  try {
    const invocation = new Invocation(['run', 'single'], { cwd: readOnly.root, through: obedient })
    expect(await invocation.ended).toMatchObject({ code: 0, stdout: '{}\n' })
    expect(readdirSync(join(readOnly.root, '.cowait'))).toEqual(['runs'])
    const report = new Invocation(['report'], { cwd: readOnly.root, through: obedient })
    await expectMessage(report.ended, 2, ['No run is recorded in'])
  } finally {
    for (const folder of ['.', '.cowait', '.cowait/runs']) chmodSync(join(readOnly.root, folder), 0o700)
  }
})

describe('prune tells of an engine that could not be asked', () => {
  const nobody = `apiVersion: v1
clusters: [{ name: c, cluster: { server: 'http://127.0.0.1:1' } }]
contexts: [{ name: c, context: { cluster: c } }]
current-context: c
`
  const noDocker = { DOCKER_HOST: undefined, DOCKER_CONTEXT: undefined }
  const prune = (env: NodeJS.ProcessEnv, cwd = project.root): Promise<Ended> =>
    cowait(['prune', '--json'], { cwd, env: { ...noDocker, ...env } })

  test('with the exit code of an engine that is away, where a variable or a config names it', async () => {
    project.write('nobody.yaml', nobody)
    using configured = new TestProject()
    configured.write('cowait.config.json', JSON.stringify({ engine: 'kubernetes' }))
    const home = join(configured.root, 'home')
    mkdirSync(join(home, '.kube'), { recursive: true })
    writeFileSync(join(home, '.kube/config'), nobody)
    const [byVariable, byConfig, gone] = await Promise.all([
      prune({ KUBECONFIG: join(project.root, 'nobody.yaml') }),
      prune({ KUBECONFIG: undefined, HOME: home }, configured.root),
      prune({ KUBECONFIG: join(project.root, 'gone.yaml') }),
    ])
    for (const { code, stderr } of [byVariable, byConfig]) {
      expect(stderr).toContain(
        'kubernetes: Nobody answers at http://127.0.0.1:1, where the Kubernetes API should be; nothing was removed there',
      )
      expect(code).toBe(3)
    }
    expect(gone).toMatchObject({ code: 3, stderr: expect.stringContaining('No Kubernetes cluster is configured') as string })
    expect(JSON.parse(byVariable.stdout)).not.toHaveProperty('kubernetes')
  })

  test('without it where only ~/.kube/config does, and says nothing where there is none', async () => {
    const home = join(project.root, 'home')
    const here = { HOME: home, KUBECONFIG: undefined, KUBERNETES_SERVICE_HOST: undefined }
    mkdirSync(join(home, '.kube'), { recursive: true })
    const none = await prune(here)
    expect([none.code, none.stderr]).toEqual([0, expect.not.stringContaining('kubernetes')])
    writeFileSync(join(home, '.kube/config'), nobody)
    expect(await prune(here)).toMatchObject({ code: 0, stderr: expect.stringContaining('kubernetes: Nobody answers') as string })
  })
})
