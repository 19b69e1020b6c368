import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cowait, TestProject, type Ended } from '../../cli/cowait.ts'
import { hasKubernetes } from './available.ts'
import { ownedBy } from './cluster.ts'
import { until } from './namespace.ts'

const isThere = await hasKubernetes()

describe.runIf(isThere)('a cluster that nothing but ~/.kube/config names', () => {
  let project: TestProject
  let home: string
  beforeAll(() => {
    project = new TestProject()
    home = join(project.root, 'home')
    mkdirSync(join(home, '.kube'), { recursive: true })
    cpSync(process.env['KUBECONFIG'] ?? '', join(home, '.kube/config'))
  })
  afterAll(() => project[Symbol.dispose]())

  const at = (...args: string[]): Promise<Ended> => cowait(args, { cwd: project.root, env: { HOME: home, KUBECONFIG: '' } })
  const listed = async (id: string): Promise<{ id: string }[]> =>
    (JSON.parse((await at('ps', '--everywhere', '--json')).stdout) as { id: string }[]).filter((one) => one.id === id)

  test('is where ps, shell, kill and rm find its pods', async () => {
    const { stderr } = await at('run', 'outcomes:outer', '--engine', 'kubernetes', '--keep-failed')
    const [, id = ''] = /"cowait shell (\S+)" looks inside/.exec(stderr) ?? []
    expect(id, stderr).not.toBe('')
    expect(await listed(id)).toMatchObject([{ status: 'kept', engine: 'kubernetes' }])
    expect(await at('shell', id, 'sh', '-c', 'ls outcomes.ts')).toMatchObject({ code: 0, stdout: 'outcomes.ts\n' })
    expect(await at('kill', id)).toMatchObject({ code: 2, stderr: expect.stringContaining(`cowait rm ${id}`) as string })
    expect(await at('rm', id)).toEqual({ code: 0, stdout: '', stderr: `${id} is gone\n` })
    expect(await listed(id)).toEqual([])
    await until('nothing is left', async () => (await ownedBy()).length === 0)
  })

  test('neither holds up nor fails a command when it does not answer', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const path = join(home, '.kube/config')
    const before = readFileSync(path, 'utf8')
    const { port } = server.address() as AddressInfo
    writeFileSync(path, before.replace(/"server": ?"[^"]*"/, `"server":"https://127.0.0.1:${port}"`))
    try {
      const from = performance.now()
      expect(await at('ps', '--everywhere')).toMatchObject({
        code: 0,
        stderr: expect.stringContaining('did not answer within 5s') as string,
      })
      expect(await at('ps')).toMatchObject({ code: 0, stderr: 'no run is alive here; with --everywhere your cluster is asked, too\n' })
      const nowhere = { code: 2, stderr: expect.stringContaining('so it may be there') as string }
      expect(await at('rm', 'nobody-123')).toMatchObject(nowhere)
      expect(await at('kill', 'nobody-123')).toMatchObject(nowhere)
      expect((await at('logs', 'nobody-123')).code).toBe(2)
      expect(performance.now() - from).toBeLessThan(60_000)
    } finally {
      writeFileSync(path, before)
      server.close()
    }
  })
})
