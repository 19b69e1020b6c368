import { execFile } from 'node:child_process'
import { chmodSync, statSync } from 'node:fs'
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
