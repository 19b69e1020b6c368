import { expect, test } from 'vitest'
import { chainToNpm } from '../../src/cli/npm-watch.ts'

function chain(commands: string[]): string[] {
  const read = (pid: number): { pid: number; parent: number; command: string } | undefined => {
    const command = commands[pid - 100]
    return command === undefined ? undefined : { pid, parent: pid + 1, command }
  }
  return chainToNpm(100, read).map(({ command }) => command)
}

test.each([
  [['sh -c cowait run x', 'npm exec cowait run x   ', 'bash'], 2],
  [['npm run start', 'bash'], 1],
  [['sh -c cowait', 'node /usr/lib/node_modules/npm/bin/npx-cli.js cowait', 'bash'], 2],
  [['node /opt/pnpm/bin/pnpm.cjs run x', 'bash'], 1],
  [['node /app/server.js', 'node /opt/yarn.js start'], 2],
])('%j is watched up to npm', (commands, length) => {
  expect(chain(commands)).toHaveLength(length)
})

test('a chain without npm is not watched, also when an argument is called npm', () => {
  expect(chain(['sh -c cowait run npm.ts', 'bash'])).toEqual([])
  expect(chain(['node server.js npm', 'bash'])).toEqual([])
})
