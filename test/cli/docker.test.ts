import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasDocker } from '../engines/docker/available.ts'
import { cowait, TestProject, type Ended } from './cowait.ts'

let project: TestProject

beforeAll(() => {
  project = new TestProject()
})

afterAll(() => project[Symbol.dispose]())

const at = (...args: string[]): Promise<Ended> => cowait(args, { cwd: project.root })

interface Listed {
  readonly id: string
  readonly status: string
  readonly memoryBytes?: number
}

/** Started by the test, whoever else runs things here. */
async function kept(id: string): Promise<Listed[]> {
  return (JSON.parse((await at('ps', '--json')).stdout) as Listed[]).filter((one) => one.id === id)
}

describe.skipIf(!hasDocker())('--keep-failed', { timeout: 120_000 }, () => {
  test('keeps the container of the run that failed, to look into and to remove, and no other', async () => {
    const args = ['--engine', 'docker', '--image', 'node:24-slim', '--keep-failed']
    const { code, stderr } = await at('run', 'outcomes:outer', ...args)
    expect(code).toBe(1)
    expect(stderr).toMatch(/2 containers, 0 left\n$/)
    const [, id = ''] = /"cowait shell (failing-\w+)" looks inside/.exec(stderr) ?? []
    expect(stderr.match(/looks inside/g)).toHaveLength(1)
    expect(await kept(id)).toMatchObject([{ status: 'kept', engine: 'docker', memoryBytes: expect.any(Number) as number }])

    expect(await at('shell', id, 'sh', '-c', 'ls outcomes.ts; echo late >&2; exit 5')).toEqual({
      code: 5,
      stdout: 'outcomes.ts\n',
      stderr: 'late\n',
    })
    expect(await at('kill', id)).toMatchObject({ code: 2, stderr: expect.stringContaining(`cowait rm ${id}`) as string })
    expect(await at('rm', id.slice(0, -1))).toEqual({ code: 0, stdout: '', stderr: `${id} is gone\n` })
    expect(await kept(id)).toEqual([])
  })

  test('keeps nothing of a run that is done', async () => {
    const { code, stderr } = await at('run', 'single', '--engine', 'docker', '--image', 'node:24-slim', '--keep-failed')
    expect(code).toBe(0)
    expect(stderr).not.toContain('looks inside')
  })
})
