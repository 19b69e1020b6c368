import { execFile } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { startFolder } from '../../src/cli/npm-folder.ts'
import { cleanEnvironment, program, TestProject } from './cowait.ts'

const exec = { npm_command: 'exec', npm_lifecycle_script: "'cowait'", INIT_CWD: '/shop/a/src' }

test.each([
  ['npm exec in a package of a workspace', exec, '/shop/a', '/shop/a/src'],
  ['npm exec as npm 10 says it', { ...exec, npm_lifecycle_script: '"cowait"' }, '/shop/a', '/shop/a/src'],
  ['npm exec -w a, in the root', { ...exec, INIT_CWD: '/shop' }, '/shop/a', '/shop/a'],
  ['npm exec -w a, in another package', { ...exec, INIT_CWD: '/shop/ab' }, '/shop/a', '/shop/a'],
  ['another program that npm exec started', { ...exec, npm_lifecycle_script: "'vitest'" }, '/shop/a', '/shop/a'],
  ['a script of npm', { ...exec, npm_command: 'run', npm_lifecycle_script: 'cowait' }, '/shop/a', '/shop/a'],
  ['no npm', {}, '/shop/a', '/shop/a'],
])('%s', (_what, env, cwd, folder) => {
  expect(startFolder(env, cwd)).toBe(folder)
})

test('npm exec in a folder of a package of a workspace finds the file beside it', async () => {
  using project = new TestProject()
  mkdirSync(join(project.root, 'packages/a/src'), { recursive: true })
  mkdirSync(join(project.root, 'packages/a/node_modules/.bin'), { recursive: true })
  project.write('package.json', '{ "private": true, "workspaces": ["packages/*"] }')
  project.write('packages/a/package.json', '{ "name": "a", "version": "1.0.0", "type": "module" }')
  project.write('packages/a/src/here.ts', "import { task } from 'cowait'\nexport const here = task(async () => 'beside you')\n")
  symlinkSync(program, join(project.root, 'packages/a/node_modules/.bin/cowait'))
  const { stdout } = await promisify(execFile)('npm', ['exec', '--offline', '--', 'cowait', 'run', './here.ts', '--quiet'], {
    cwd: join(project.root, 'packages/a/src'),
    env: {
      ...cleanEnvironment(),
      XDG_CONFIG_HOME: join(project.root, 'no-config'),
      COWAIT_ENGINE: 'process',
      npm_config_cache: join(project.root, 'npm-cache'),
    },
  })
  expect(stdout.trim()).toBe('"beside you"')
})
