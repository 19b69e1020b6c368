import { execFile } from 'node:child_process'
import { chmodSync, chownSync, existsSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { TestProject } from './rig.ts'

const isRoot = process.getuid?.() === 0
/** Whom the system's list of users does not have. */
const nobody = { uid: 54_321, gid: 54_321 }

describe('what is kept of a project', () => {
  test.runIf(isRoot)('can be read by nobody else, as the files that it was made of', async () => {
    await using project = await TestProject.create({ 'package.json': '{}', 'secret.txt': 'secret' })
    chmodSync(join(project.root, '..'), 0o755)
    chmodSync(project.path('secret.txt'), 0o600)
    const { directory } = await project.compile()
    const copy = join(directory, 'secret.txt')
    expect((await promisify(execFile)('cat', [copy])).stdout).toBe('secret')
    await expect(promisify(execFile)('cat', [copy], nobody)).rejects.toThrow('Permission denied')
  })

  test('is closed to others where an older folder was open', async () => {
    await using project = await TestProject.create({ 'package.json': '{}' })
    const { cacheFolder } = await project.compile()
    chmodSync(cacheFolder, 0o755)
    await project.compile()
    expect(statSync(cacheFolder).mode & 0o777).toBe(0o700)
  })
})

describe('a folder that somebody else could have put code into', () => {
  test.runIf(isRoot).each([
    ['the cache is theirs', '.cowait/cache'],
    ['the folder around it is theirs', '.cowait'],
  ])('is not used: %s', async (_, folder) => {
    await using project = await TestProject.create({ 'package.json': '{"type":"module"}', 'main.ts': 'export const main: number = 1' })
    const before = await project.compile()
    chownSync(project.path(folder), nobody.uid, nobody.gid)
    const after = await project.compile()
    expect(before.directory).toContain(project.root)
    expect(after.directory).toContain(join(tmpdir(), 'cowait-cache-0'))
    expect(await project.evaluate('main', 'm.main')).toBe(1)
  })

  test.runIf(isRoot)('is not written to', async () => {
    await using project = await TestProject.create({ 'package.json': '{}', '.cowait/theirs': '' })
    chownSync(project.path('.cowait'), nobody.uid, nobody.gid)
    await project.compile()
    expect(readdirSync(project.path('.cowait'))).toEqual(['theirs'])
  })

  test('is made again: a cache of ours that all can write to', async () => {
    await using project = await TestProject.create({ 'package.json': '{}' })
    const { cacheFolder } = await project.compile()
    chmodSync(cacheFolder, 0o777)
    writeFileSync(join(cacheFolder, 'planted'), '')
    expect((await project.compile()).directory).toContain(project.root)
    expect(statSync(cacheFolder).mode & 0o777).toBe(0o700)
    expect(existsSync(join(cacheFolder, 'planted'))).toBe(false)
  })

  test('is used through a link of ours', async () => {
    await using project = await TestProject.create({ 'package.json': '{}', 'elsewhere/mine': '' })
    symlinkSync('elsewhere', project.path('.cowait'))
    expect((await project.compile()).directory).toContain(project.path('.cowait'))
  })

  test('is closed to them where all in it is ours', async () => {
    await using project = await TestProject.create({ 'package.json': '{}', '.cowait/runs/one.ndjson': '' })
    chmodSync(project.path('.cowait'), 0o775)
    expect((await project.compile()).directory).toContain(project.root)
    expect(statSync(project.path('.cowait')).mode & 0o777).toBe(0o755)
    expect(existsSync(project.path('.cowait/runs/one.ndjson'))).toBe(true)
  })
})
