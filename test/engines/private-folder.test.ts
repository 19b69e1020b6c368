/** A supervisor's private folder goes when its supervisor is known to be gone, and another host's is never touched. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { homeText, ownHome } from '../../src/engines/host-process.ts'
import { claimFolder, sweepFolders } from '../../src/engines/private-folder.ts'

let parent: string
let own: string

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'private-'))
  own = folder('own')
})

afterEach(() => rmSync(parent, { recursive: true }))

function folder(name: string): string {
  mkdirSync(join(parent, name))
  return join(parent, name)
}

/** Who owns a folder, as its claim says. */
function claimed(name: string): string[] {
  claimFolder(folder(name), ownHome())
  return readFileSync(join(parent, name, 'owner'), 'utf8')
    .trim()
    .split(' ')
}

/** A process that is gone for sure: this one, had it started earlier. */
const gone = homeText({ ...ownHome(), start: '1' })

test.runIf(process.platform === 'linux')('what a sweep removes', async () => {
  const [living = '', boot = '', host = ''] = claimed('living')
  const claims: Record<string, string> = {
    gone: `${gone} ${boot} ${host}`,
    'before a restart': `${living} another ${host}`,
    'of another host': `${gone} another elsewhere-0123456789ab`,
    'of another host with one boot': `${gone} ${boot} elsewhere-0123456789ab`,
    'gone, of an earlier version': `${gone} ${boot}`,
    'living, of an earlier version': `${living} ${boot}`,
    'of some host, of an earlier version': `${living} another`,
  }
  for (const [name, claim] of Object.entries(claims)) writeFileSync(join(folder(name), 'owner'), `${claim}\n`)
  await sweepFolders(own)
  expect(readdirSync(parent).toSorted()).toEqual(
    [
      'living',
      'living, of an earlier version',
      'of another host',
      'of another host with one boot',
      'of some host, of an earlier version',
      'own',
    ].toSorted(),
  )
})

test('sweeps that come at once do not hinder each other', async () => {
  for (let n = 0; n < 100; n++) {
    const left = folder(`left-${n}`)
    utimesSync(left, 0, 0)
    const [, boot = '', host = ''] = claimed(`gone-${n}`)
    writeFileSync(join(parent, `gone-${n}`, 'owner'), `${gone} ${boot} ${host}\n`)
  }
  await Promise.all(Array.from({ length: 4 }, () => sweepFolders(own)))
  expect(readdirSync(parent)).toEqual(['own'])
})

/** Makes a file that nobody can remove until it is undone, where the file system and one's rights allow it. */
function keep(path: string, how: '+i' | '-i'): boolean {
  return spawnSync('chattr', [how, path], { stdio: 'ignore' }).status === 0
}

test('one folder that cannot be removed is told of, and keeps no other', async (context) => {
  const [, boot = '', host = ''] = claimed('living')
  for (const name of ['a', 'b', 'c']) writeFileSync(join(folder(name), 'owner'), `${gone} ${boot} ${host}\n`)
  const kept = join(parent, 'b/owner')
  context.skip(!keep(kept, '+i'), 'no file can be kept from removal here')
  try {
    await expect(sweepFolders(own)).rejects.toThrow()
    expect(readdirSync(parent).toSorted()).toEqual(['b', 'living', 'own'])
  } finally {
    keep(kept, '-i')
  }
  await sweepFolders(own)
  expect(readdirSync(parent).toSorted()).toEqual(['living', 'own'])
})
