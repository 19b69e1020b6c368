/** What people see when they point at a name: the promise of a type test is worth little if nobody can read it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript-5.9'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const file = join(import.meta.dirname, 'fixtures/hovers.ts')

function hovers(): Record<string, string> {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    lib: ['lib.es2022.d.ts', 'lib.esnext.disposable.d.ts'],
    strict: true,
    types: [],
    paths: { cowait: [join(root, 'dist/types/index.d.ts')] },
  }
  const service = ts.createLanguageService({
    getCompilationSettings: () => options,
    getScriptFileNames: () => [file],
    getScriptVersion: () => '1',
    getScriptSnapshot: (name) => {
      const text = ts.sys.readFile(name)
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text)
    },
    getCurrentDirectory: () => root,
    getDefaultLibFileName: (settings) => ts.getDefaultLibFilePath(settings),
    fileExists: ts.sys.fileExists,
    readFile: ts.sys.readFile,
    directoryExists: ts.sys.directoryExists,
  })
  expect(service.getSemanticDiagnostics(file).map(({ messageText }) => messageText)).toEqual([])
  const text = readFileSync(file, 'utf8')
  return Object.fromEntries(
    [...text.matchAll(/^export const (\w+)/gm)].map(({ 1: name = '', index }) => {
      const at = index + 'export const '.length
      return [name, ts.displayPartsToString(service.getQuickInfoAtPosition(file, at)?.displayParts).replaceAll(/\s+/g, ' ')]
    }),
  )
}

test('hovers are short and say what a name is', { timeout: 120_000 }, () => {
  expect(hovers()).toMatchInlineSnapshot(`
    {
      "all": "const all: { duration: number; }[]",
      "bad": "const bad: InvalidTask<"output.deep.f cannot cross a container border">",
      "both": "const both: [{ duration: number; }, { duration: number; }]",
      "counter": "const counter: TaskOfClass<typeof Counter>",
      "counting": "const counting: TaskRun<number, { rpc: { add: (by: number) => number; }; }>",
      "grouped": "const grouped: number",
      "items": "const items: StreamRun<string, number, { yields: number; }>",
      "numbers": "const numbers: Task<{ to: number; }, string, { yields: number; }>",
      "remote": "const remote: Task<{ duration?: number; }, { duration: number; }, {}>",
      "resize": "const resize: Task<{ file: string; width?: number | undefined; }, { files: string[]; }, {}>",
      "run": "const run: TaskRun<{ duration: number; }, {}>",
      "sleep": "const sleep: Task<{ duration?: number; }, { duration: number; }, {}>",
      "slept": "const slept: { duration: number; }",
    }
  `)
})
