import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cowait, Invocation, program, TestProject } from './cowait.ts'

let project: TestProject

beforeAll(() => {
  project = new TestProject()
  project.write('cowait.config.json', '{ "clusters": { "prod": { "engine": "docker" } } }')
  mkdirSync(join(project.root, 'bin'))
  project.write('bin/cowait', `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`)
  chmodSync(join(project.root, 'bin/cowait'), 0o755)
})

afterAll(() => project[Symbol.dispose]())

const candidates = async (...words: string[]): Promise<string[]> => {
  const { code, stdout, stderr } = await cowait(['complete', '--', ...words], { cwd: project.root })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout.split('\n').filter(Boolean)
}

test.each([
  ['commands', ['r'], ['report', 'rm', 'run']],
  ['commands below one', ['cluster', ''], ['ls']],
  ['options', ['run', 'x', '--prog'], ['--progress']],
  ['no options that are hidden', ['init', '--pa'], []],
  ['choices', ['run', 'x', '--progress', ''], ['auto', 'plain', 'tree']],
  ['choices in one word', ['run', '--progress=p'], ['--progress=plain']],
  ['engines', ['run', '--engine', 'p'], ['process']],
  ['clusters', ['run', '-c', ''], ['prod']],
  ['arguments that are choices', ['completion', ''], ['bash', 'fish', 'zsh']],
  ['modules', ['run', 'out'], ['outcomes']],
  ['modules after options with values', ['run', '--engine', 'process', '--json', 'out'], ['outcomes']],
  ['tasks of a module', ['dev', 'outcomes:fa'], ['outcomes:failing']],
  ['inputs of a task', ['run', 'resize', '-i', ''], ['file=', 'formats=', 'until=', 'width=']],
  ['nothing for the arguments of a script', ['exec', 'script.ts', '--'], []],
  ['nothing where there is nothing', ['run', 'gone:'], []],
])('%s', async (_what, words, expected) => {
  expect(await candidates(...words)).toEqual(expected)
})

test('runs: those on record to look at, those alive to end', async () => {
  await cowait(['run', 'single'], { cwd: project.root })
  const invocation = new Invocation(['run', 'outcomes:deep', '-i', 'depth=0'], { cwd: project.root })
  await invocation.shows('| ready')
  const living = await candidates('kill', 'deep-')
  expect(await candidates('report', 'echo-')).toEqual([expect.stringMatching(/^echo-\w{8}$/)])
  expect(await candidates('logs', 'lat')).toEqual(['latest'])
  expect(living).toContain((await candidates('inspect', 'deep-'))[0])
  invocation.child.kill('SIGINT')
  await invocation.ended
})

/** How each shell is started without anybody's settings, and learns the completion. */
const shells = {
  bash: ['bash --noprofile --norc -i', 'eval "$(cowait completion bash)"'],
  zsh: ['zsh -f -i', 'autoload -Uz compinit && compinit -u -D; eval "$(cowait completion zsh)"; bindkey -e'],
  fish: ['fish --no-config -i', 'cowait completion fish | source'],
} as const

const isThere = (name: string): boolean => spawnSync(name, ['--version']).status === 0

describe.each(Object.keys(shells) as (keyof typeof shells)[])('in %s', (shell) => {
  test.skipIf(!isThere(shell) || !isThere('script'))('the tab key writes what was meant', { timeout: 60_000 }, async () => {
    writeFileSync(join(project.root, 'notes.txt'), '')
    const keys = ['ins', 'run outc', 'run outcomes:fa', 'run --engine proc', 'run --progress=pl', 'run resize -i fi', 'exec not']
    const [start, learn] = shells[shell]
    const child = spawn('script', ['-qec', start, '/dev/null'], {
      cwd: project.root,
      env: { PATH: `${join(project.root, 'bin')}:${process.env['PATH']}`, HOME: project.root, TERM: 'xterm', LANG: 'C.UTF-8' },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const shown = text(child.stdout)
    // The line that the tab key made is printed instead of run: Ctrl-A goes to its beginning.
    const typed = keys.map((words) => `cowait ${words}\t.\u0001echo 'made: \u0005'\r`)
    child.stdin.end(`stty cols 200; ${learn}\r${typed.join('')}exit\r`)
    const made = [...(await shown).matchAll(/^made: cowait (.*)\.\r?$/gm)].map(([, line]) => line)
    expect(made).toEqual([
      'inspect ',
      'run outcomes ',
      'run outcomes:failing ',
      'run --engine process ',
      'run --progress=plain ',
      'run resize -i file=',
      'exec notes.txt ',
    ])
  })
})
