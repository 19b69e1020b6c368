import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '')

/** The text of a file of the project; undefined if it is binary or just went away. */
function read(file: string): string | undefined {
  try {
    const bytes = readFileSync(join(root, file))
    return bytes.includes(0) ? undefined : bytes.toString('utf8')
  } catch {
    return undefined
  }
}

/** Names are put together here, so that this file does not contain what it looks for. */
function forbidden(): RegExp {
  const registry = execFileSync('npm', ['config', 'get', 'registry'], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  const { hostname } = new URL(registry.trim())
  const hosts = [
    ...(/[a-z]\.[a-z]/.test(hostname) ? [hostname] : []),
    ...[
      ['npmjs', 'org'],
      ['yarnpkg', 'com'],
    ].map(([name, end]) => `registry.${name}.${end}`),
    ...[
      ['pypi', 'org'],
      ['files.pythonhosted', 'org'],
      ['deb.debian', 'org'],
      ['proxy.golang', 'org'],
      ['crates', 'io'],
    ].map((parts) => parts.join('.')),
  ]
  const folders = [root, homedir(), `/${'work'}`].filter((folder) => folder !== '/').map((folder) => `${folder}/`)
  const quoted = (words: string[]) => [...new Set(words)].map((word) => word.replaceAll(/[.+*?^$()[\]{}|\\/]/g, '\\$&')).join('|')
  return new RegExp(`\\b(?:${quoted(hosts)})|(?<![\\w.$}\\])*-])(?:${quoted(folders)})`)
}

function breaches(text: string, pattern: RegExp): string[] {
  return text.split('\n').filter((line) => pattern.test(line))
}

test('no source is longer than 400 lines', () => {
  const long = files.filter((file) => file.startsWith('src/') && (read(file)?.trimEnd().split('\n').length ?? 0) > 400)
  expect(long).toEqual([])
})

describe('no file names a registry or a folder of one machine', () => {
  const pattern = forbidden()

  test('in the project', () => {
    const found = files.flatMap((file) => breaches(read(file) ?? '', pattern).map((line) => `${file}: ${line.trim().slice(0, 160)}`))
    expect(found).toEqual([])
  })

  test('and the check can fail', () => {
    expect(breaches(`"resolved": "https://registry.${'npmjs'}.org/zod"`, pattern)).toHaveLength(1)
    expect(breaches(`import '${root}/src/index.ts'`, pattern)).toHaveLength(1)
    expect(breaches('cp "$work/root/usr" /usr/local', pattern)).toEqual([])
  })
})

describe('the lock file', () => {
  type Entry = { resolved?: string; integrity?: string; optional?: boolean; os?: string[]; optionalDependencies?: Record<string, string> }
  const { packages } = JSON.parse(read('package-lock.json') ?? '') as { packages: Record<string, Entry> }
  const entries = Object.entries(packages).filter(([path]) => path !== '')

  test('names no address, and a hash for each package but the builds for other platforms', () => {
    expect(entries.length).toBeGreaterThan(0)
    expect(entries.filter(([, { resolved }]) => resolved !== undefined)).toEqual([])
    const unpinned = entries.filter(([, { integrity }]) => integrity === undefined)
    expect(unpinned.filter(([, { optional, os }]) => !optional || os === undefined)).toEqual([])
  })

  test('has the builds for all platforms, without which npm ci refuses it: see scripts/complete-lock.mjs', () => {
    const missing = entries.flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter((name) => !packages[`${path}/node_modules/${name}`] && !packages[`node_modules/${name}`]),
    )
    expect(missing).toEqual([])
  })
})
