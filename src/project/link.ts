import MagicString from 'magic-string'
import { SHIMS, type Analysis, type ImportSite } from './analysis.ts'
import { importProblem, type Problem } from './problem.ts'
import { asUrlPath, specifierTo } from './source.ts'
import type { Target } from './resolver.ts'
import { throwingModule } from './throwing-module.ts'
import { RUNTIME_PATH } from './tree-runtime.ts'

/** One file among the others of its tree. */
export interface LinkPlace {
  /** The source, relative to the tree's root. */
  readonly path: string
  readonly text: string
  /** What it registers its exports as. */
  readonly module: string
  /** What its imports mean, and its calls of `require`. */
  readonly targets: { readonly import: ReadonlyMap<string, Target>; readonly require: ReadonlyMap<string, Target> }
  /** The file that runs for a source of the tree. */
  compiledPath(source: string): string
}

export interface Linked {
  readonly code: string
  /** It needs the tree's runtime. */
  readonly usesRuntime: boolean
  /** JSON files that it imports as modules. */
  readonly jsonModules: readonly string[]
  readonly problem?: Problem
}

/** From where trees lie to the user's own files: `ROOT/.cowait/cache/trees/NAME`. */
const TREE_TO_ROOT = '../../../../'

/** Ties an analysed file to the files around it: specifiers, what CommonJS code expects, the registration of its exports, a source map. */
export function link(analysis: Analysis, place: LinkPlace): Linked {
  const { targets } = place
  const outside = [...targets.import, ...(hasImportsAsCalls(analysis) ? targets.require : [])].find(([, { type }]) => type === 'outside')
  if (outside) return linkProblem(analysis, place, outside[0])
  if (!analysis.isModule)
    return { code: analysis.code, usesRuntime: false, jsonModules: [], ...(analysis.problem && { problem: analysis.problem }) }

  const text = new MagicString(analysis.code)
  for (const site of analysis.imports) rewriteImport(text, site, place)
  if (analysis.format === 'cjs') rewriteReexports(text, analysis.code, place)
  const runtime = specifierTo(place.path, RUNTIME_PATH)
  const before = analysis.format === 'cjs' ? commonJsPrelude(analysis, place, runtime) : modulePrelude(analysis, place, runtime)
  const hasComputedImport = analysis.imports.some(({ kind }) => kind === 'computed')
  const after = [...(hasComputedImport ? [computedImport(analysis, runtime)] : []), registration(analysis, place)]

  const offset = preludeOffset(analysis.code)
  // On a line of its own where the map can say so without being read.
  const hasOwnLine = before !== '' && analysis.mappings !== undefined && offset === 0
  if (before !== '') text.appendLeft(offset, hasOwnLine ? `${before}\n` : `;${before}`)
  const mappings =
    analysis.mappings === undefined ? text.generateMap({ hires: 'boundary' }).mappings : `${hasOwnLine ? ';' : ''}${analysis.mappings}`
  return {
    code: `${text.toString()}\n;${after.join('\n')}\n${sourceMap(place, mappings)}`,
    usesRuntime: hasComputedImport || before.includes(runtime),
    jsonModules: analysis.imports.flatMap((site) => jsonModule(site, place) ?? []),
    ...(analysis.problem && { problem: analysis.problem }),
  }
}

/** A call of `require` may stand in a comment, or be an attempt; in TypeScript that becomes CommonJS it is mostly an import. */
function hasImportsAsCalls({ format, isBeside }: Analysis): boolean {
  return format === 'cjs' && isBeside
}

function rewriteImport(text: MagicString, site: ImportSite, place: LinkPlace): void {
  if (site.kind === 'computed') return void text.overwrite(site.start, site.end, SHIMS.import)
  const target = place.targets.import.get(site.specifier)
  const attributes = text.original.slice(site.end, site.attributesEnd)
  const json = jsonModule(site, place)
  if (json) {
    text.overwrite(site.start, site.end, quoted(specifierTo(place.path, `${json}.mjs`)))
    if (attributes !== '') text.remove(site.end, site.attributesEnd)
    return
  }
  if (target?.type === 'inside' && target.path !== '') {
    text.overwrite(site.start, site.end, quoted(specifierTo(place.path, place.compiledPath(target.path)), target.suffix))
  } else if (target?.type === 'package' && target.path.endsWith('.json') && attributes === '') {
    text.appendLeft(site.end, site.kind === 'static' ? ' with { type: "json" }' : ', { with: { type: "json" } }')
  }
  if (/^\s*assert\b/.test(attributes)) text.overwrite(site.end, site.attributesEnd, attributes.replace('assert', ' with'))
}

/** Node's loaders differ in whether and how JSON is imported, so a JSON file of the tree becomes a module. */
function jsonModule(site: ImportSite, place: LinkPlace): string | undefined {
  const target = place.targets.import.get(site.specifier)
  return site.kind !== 'computed' && target?.type === 'inside' && target.path.endsWith('.json') ? target.path : undefined
}

/** esbuild lists for Node what a CommonJS file exports; Node looks for the files named there itself. */
function rewriteReexports(text: MagicString, code: string, place: LinkPlace): void {
  const list = code.lastIndexOf('0 && (module.exports = {')
  if (list < 0) return
  for (const found of code.slice(list).matchAll(/\.\.\.require\(("[^"\n]*")\)/g)) {
    const target = place.targets.require.get(JSON.parse(found[1] ?? '""') as string)
    if (target?.type !== 'inside') continue
    const start = list + found.index + '...require('.length
    text.overwrite(start, start + (found[1] ?? '').length, JSON.stringify(specifierTo(place.path, place.compiledPath(target.path))))
  }
}

function modulePrelude({ code }: Analysis, place: LinkPlace, runtime: string): string {
  const needs = (name: string): boolean => code.includes(name)
  const lines: string[] = []
  if (needs(SHIMS.filename) || needs(SHIMS.dirname) || needs(SHIMS.require)) {
    lines.push('import { fileURLToPath as __cowait_fileURLToPath } from "node:url";')
    // Compiled files have one more ending than their sources, and lie beside them.
    lines.push(
      `const ${SHIMS.filename} = __cowait_fileURLToPath(import.meta.url).slice(0, -4), ${SHIMS.dirname} = __cowait_fileURLToPath(new URL(".", import.meta.url)).slice(0, -1);`,
    )
  }
  if (needs(SHIMS.require)) {
    lines.push(
      `import { createRequire as __cowait_createRequire } from "node:module"; import { wrapRequire as __cowait_wrapRequire } from ${quoted(runtime)};`,
    )
    lines.push(
      `const ${SHIMS.require} = __cowait_wrapRequire(__cowait_createRequire(import.meta.url), ${SHIMS.dirname}, ${requireTable(place)});`,
    )
  }
  return lines.join(' ')
}

function commonJsPrelude(analysis: Analysis, place: LinkPlace, runtime: string): string {
  const filename = analysis.code.includes(SHIMS.filename) ? `const ${SHIMS.filename} = __filename.slice(0, -4);` : ''
  const table = requireTable(place)
  if (table === '{}' && !analysis.hasComputedRequire) return filename
  return `${filename}require = require(${JSON.stringify(runtime)}).wrapRequire(require, __dirname, ${table});`
}

/** Literal arguments of `require` that Node itself would not resolve to the file that runs, and what those that lead out are told. */
function requireTable({ path, targets, compiledPath }: LinkPlace): string {
  const entries = [...targets.require].flatMap(([specifier, target]): [string, string | { readonly refusal: string }][] => {
    if (target.type === 'outside') return [[specifier, { refusal: leadsOutText(specifier) }]]
    const to = target.type === 'inside' ? specifierTo(path, compiledPath(target.path)) : specifier
    return to === specifier ? [] : [[specifier, to]]
  })
  return JSON.stringify(Object.fromEntries(entries))
}

/** After `#!` and after a directive, which only counts in front of everything else. */
function preludeOffset(code: string): number {
  const [start = ''] = /^(?:#![^\n]*\n)?(?:\s+|\/\/[^\n]*\n|\/\*[^]*?\*\/)*(?:(?:'use strict'|"use strict")[ \t]*;?)?/.exec(code) ?? []
  return /use strict['"][ \t]*;?$/.test(start) ? start.length : (/^#![^\n]*\n/.exec(code)?.[0].length ?? 0)
}

function computedImport({ format }: Analysis, runtime: string): string {
  const load = '(url, attributes) => attributes === undefined ? import(url) : import(url, attributes)'
  if (format === 'cjs') {
    const base = 'require("node:url").pathToFileURL(__filename)'
    return `function ${SHIMS.import}(specifier, options) { return require(${JSON.stringify(runtime)}).dynamicImport(${base}, specifier, options, ${load}) }`
  }
  return (
    `import { dynamicImport as __cowait_dynamicImport } from ${quoted(runtime)}; ` +
    `function ${SHIMS.import}(specifier, options) { return __cowait_dynamicImport(import.meta.url, specifier, options, ${load}) }`
  )
}

/** Tells core/registry.ts what the module exports, so that nobody has to guess a task's name. */
function registration({ format }: Analysis, place: LinkPlace): string {
  const register = `globalThis[Symbol.for("cowait.modules")]?.(${JSON.stringify(place.module)}, `
  if (format === 'cjs') return `${register}{ default: module.exports, ...module.exports });`
  const self = specifierTo(place.path, place.compiledPath(place.path))
  return `import * as __cowait_self from ${quoted(self)}; ${register}__cowait_self);`
}

/** Names the user's own file, by a path that is the same on every machine. */
function sourceMap({ path }: LinkPlace, mappings: string): string {
  const up = '../'.repeat(path.split('/').length - 1)
  const map = { version: 3, sources: [`${TREE_TO_ROOT}${up}${asUrlPath(path)}`], names: [], mappings }
  return `//# sourceMappingURL=data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString('base64')}\n`
}

/** A specifier as it stands in code. Node decodes it as a URL. */
function quoted(specifier: string, suffix = ''): string {
  return JSON.stringify(asUrlPath(specifier) + suffix)
}

function linkProblem(analysis: Analysis, place: LinkPlace, specifier: string): Linked {
  const problem = importProblem(place.path, place.text, specifier, leadsOutText(specifier))
  return { code: throwingModule(place.text, problem, analysis.format), usesRuntime: false, jsonModules: [], problem }
}

function leadsOutText(specifier: string): string {
  const advice = 'Files outside of the project do not reach a worker. Put a package.json or a cowait.config.json into a folder above both.'
  return `${JSON.stringify(specifier)} leads out of the project. ${advice}`
}
