import { readFileSync } from 'node:fs'
import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { definitionOptions } from '../../src/project/definition-options.ts'
import { processesOf } from './processes-of.ts'
import { TestProject } from './rig.ts'

const never = new AbortController().signal

/** A project whose module says that it loads, and has loaded when there is a file `go`. */
async function slowProject(): Promise<TestProject> {
  const project = await TestProject.create({
    'package.json': '{"type":"module"}',
    '.gitignore': 'log.txt\ngo\n',
    'slow.ts': `
      import { appendFileSync, existsSync } from 'node:fs'
      import { setTimeout } from 'node:timers/promises'
      import { task } from 'cowait'
      appendFileSync('log.txt', 'x')
      while (!existsSync('go')) await setTimeout(10)
      export const slow = task({ timeout: '2s', run: async () => 1 })
    `,
  })
  await symlink(join(import.meta.dirname, '../../node_modules'), project.path('node_modules'))
  return project
}

const slow = { module: 'slow', export: 'slow' }

async function isLoading(project: TestProject): Promise<void> {
  await expect.poll(() => readFileSync(project.path('log.txt'), { encoding: 'utf8', flag: 'a+' })).toBe('x')
}

test('a module is asked once for all who wait, and goes on when one of them gives up', async () => {
  await using project = await slowProject()
  // One version for all three: each compiling of its own would let them come at any time.
  const tree = await project.compile()
  const optionsOf = definitionOptions(async () => tree)
  const gone = new AbortController()
  const given = optionsOf(slow, gone.signal)
  const kept = [optionsOf(slow, never), optionsOf({ module: 'slow', export: 'other' }, never)]
  await isLoading(project)
  gone.abort(new Error('enough'))
  await expect(given).rejects.toThrow('enough')
  await project.write({ go: '' })
  expect(await Promise.all(kept)).toEqual([{ timeoutMs: 2_000 }, undefined])
  await isLoading(project)
})

test('a module that nobody waits for any more is ended, and asked anew by who comes then', async () => {
  await using project = await slowProject()
  const optionsOf = definitionOptions(async () => await project.compile())
  const gone = [new AbortController(), new AbortController()]
  const given = Promise.allSettled(gone.map(({ signal }) => optionsOf(slow, signal)))
  await isLoading(project)
  for (const each of gone) each.abort(new Error('enough'))
  const later = optionsOf(slow, never)
  expect(await given).toMatchObject([{ reason: { message: 'enough' } }, { reason: { message: 'enough' } }])
  await project.write({ go: '' })
  expect(await later).toEqual({ timeoutMs: 2_000 })
  await expect.poll(() => processesOf(project.root)).toEqual([])
})

test('who gives up while the program is compiled does not wait for that', async () => {
  const gone = new AbortController()
  const given = definitionOptions(() => new Promise(() => {}))(slow, gone.signal)
  gone.abort(new Error('enough'))
  await expect(given).rejects.toThrow('enough')
})

test('nothing is known of a module that cannot tell', async () => {
  await using project = await TestProject.copy('mistakes')
  const optionsOf = definitionOptions(async () => await project.compile())
  expect(await optionsOf({ module: 'throws', export: 'default' }, never)).toBeUndefined()
})
