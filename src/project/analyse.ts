import { extname } from 'node:path'
import { parse } from 'es-module-lexer'
import type { Message, TransformFailure } from 'esbuild'
import { SHIMS, type Analysis, type ImportSite } from './analysis.ts'
import { codeFrame, type Problem } from './problem.ts'
import { throwingModule } from './throwing-module.ts'
import type { Format, Loader } from './source.ts'
import type { Transformer } from './transformer.ts'
import type { CompilerOptions } from './tsconfig.ts'

export interface Source {
  /** Relative to the tree's root. */
  readonly path: string
  readonly text: string
  readonly loader: Loader
  /** What the nearest `package.json` says; `undefined` where it says nothing. */
  readonly packageType: 'module' | 'commonjs' | undefined
  readonly options: CompilerOptions
}

/** The oldest Node that workers run on. */
const TARGET = 'node20.19'

const IN_MODULES = { __dirname: SHIMS.dirname, __filename: SHIMS.filename, require: SHIMS.require, 'import.meta.filename': SHIMS.filename }
const IN_COMMONJS = { __filename: SHIMS.filename }

/** Compiles one file by itself. Never rejects for what is wrong with the file: that is a `problem`. */
export async function analyse(source: Source, transformer: Transformer): Promise<Analysis> {
  try {
    return source.loader === 'js' ? await analyseJavaScript(source, transformer) : await analyseTyped(source, transformer)
  } catch (error) {
    const message = (error as Partial<TransformFailure>).errors?.[0]
    if (!message) throw error
    return broken(source, message)
  }
}

interface Compiled {
  readonly format: Format
  readonly code: string
  readonly mappings: string
}

async function analyseTyped(source: Source, transformer: Transformer): Promise<Analysis> {
  const { format, code, mappings } = await compileTyped(source, transformer)
  const imports = importSites(code)
  return {
    format,
    isBeside: true,
    code,
    mappings,
    imports,
    ...requireSites(code, format === 'esm' ? SHIMS.require : 'require'),
    isModule: true,
  }
}

/**
 * The ending decides, then the package. A package that says nothing means ES modules, unless the file is CommonJS through and through;
 * one that says CommonJS still gets an ES module where only that can run (top-level await, `import.meta`).
 */
async function compileTyped(source: Source, transformer: Transformer): Promise<Compiled> {
  const ending = extname(source.path)
  if (ending === '.cts') return await compile(source, 'cjs', transformer)
  if (ending === '.mts' || source.packageType === 'module') return await compile(source, 'esm', transformer)
  if (source.packageType === 'commonjs') {
    return (await compileCommonJs(source, transformer)) ?? (await compile(source, 'esm', transformer))
  }
  const compiled = await compile(source, 'esm', transformer)
  return isWrappedCommonJs(compiled.code) ? await compile(source, 'cjs', transformer) : compiled
}

/** Undefined for a file that cannot be CommonJS. */
async function compileCommonJs(source: Source, transformer: Transformer): Promise<Compiled | undefined> {
  try {
    const compiled = await compile(source, 'cjs', transformer)
    return compiled.usesImportMeta ? undefined : compiled
  } catch (error) {
    if ((error as Partial<TransformFailure>).errors?.some(({ text }) => text.startsWith('Top-level await'))) return undefined
    throw error
  }
}

async function compile(source: Source, format: Format, transformer: Transformer): Promise<Compiled & { readonly usesImportMeta: boolean }> {
  const { code, map, warnings } = await transformer.transform(source.text, {
    loader: source.loader,
    format,
    platform: 'node',
    target: TARGET,
    charset: 'utf8',
    define: format === 'esm' ? IN_MODULES : IN_COMMONJS,
    sourcefile: source.path,
    sourcemap: 'external',
    sourcesContent: false,
    tsconfigRaw: { compilerOptions: source.options },
  })
  const { mappings } = JSON.parse(map) as { mappings: string }
  return { format, code, mappings, usesImportMeta: warnings.some(({ id }) => id === 'empty-import-meta') }
}

/** esbuild makes an ES module of `module.exports = ...` by a wrapper, which hides its names. */
function isWrappedCommonJs(code: string): boolean {
  return code.includes('__commonJS') && /^export default require_\w+\(\);\s*$/m.test(code)
}

/** JavaScript runs as it stands, in its place. It is compiled only to find its mistakes, and for syntax that Node lacks. */
async function analyseJavaScript(source: Source, transformer: Transformer): Promise<Analysis> {
  const { code: compiled } = await transformer.transform(source.text, {
    loader: 'js',
    target: TARGET,
    platform: 'node',
    charset: 'utf8',
    sourcefile: source.path,
    logLevel: 'silent',
  })
  const format = javaScriptFormat(source)
  const isBeside = format === 'esm' && extname(source.path) === '.js' && source.packageType !== 'module'
  const isModule = extname(source.path) !== '.js' || format === 'esm' || /\b(?:module|exports|require)\b/.test(source.text)
  const lowered = needsLowering(compiled, source.text) ? await compileInPlace(source, transformer) : undefined
  const code = lowered?.code ?? source.text
  const sites = { imports: importSites(code), ...requireSites(code, format === 'cjs' ? 'require' : undefined) }
  return { format, isBeside, code, ...(lowered && { mappings: lowered.mappings }), ...sites, isModule }
}

function javaScriptFormat({ path, text, packageType }: Source): Format {
  const ending = extname(path)
  if (ending === '.mjs') return 'esm'
  if (ending === '.cjs') return 'cjs'
  if (packageType === 'module') return 'esm'
  return hasModuleSyntax(text) ? 'esm' : 'cjs'
}

function hasModuleSyntax(text: string): boolean {
  try {
    return parse(text)[3]
  } catch {
    return false
  }
}

/** esbuild's helpers for `using` and for decorators. */
function needsLowering(compiled: string, text: string): boolean {
  const helpers = /\b__(?:using|decorateElement|decoratorStart)\(/
  return helpers.test(compiled) && !helpers.test(text)
}

async function compileInPlace(source: Source, transformer: Transformer): Promise<{ readonly code: string; readonly mappings: string }> {
  const { code, map } = await transformer.transform(source.text, {
    loader: 'js',
    target: TARGET,
    platform: 'node',
    charset: 'utf8',
    sourcefile: source.path,
    sourcemap: 'external',
    sourcesContent: false,
  })
  return { code, mappings: (JSON.parse(map) as { mappings: string }).mappings }
}

/** Empty for what the lexer cannot follow: sloppy scripts, which import nothing. */
function importSites(code: string): ImportSite[] {
  try {
    return parse(code)[0].flatMap((found): ImportSite[] => {
      if (found.type === 'import-meta') return []
      if (found.type !== 'dynamic') {
        const end = found.end + 1
        const attributesEnd =
          found.attributesStart >= 0 ? found.importEnd : end + (/^\s*assert\s*\{[^}]*\}/.exec(code.slice(end))?.[0].length ?? 0)
        return [{ kind: 'static', specifier: found.specifier, start: found.start - 1, end, attributesEnd }]
      }
      if (found.phase !== null) return []
      if (found.specifier === undefined || found.glob) {
        const end = found.importStart + 'import'.length
        return [{ kind: 'computed', specifier: '', start: found.importStart, end, attributesEnd: end }]
      }
      return [{ kind: 'dynamic', specifier: found.specifier, start: found.start, end: found.end, attributesEnd: found.importEnd - 1 }]
    })
  } catch {
    return []
  }
}

function requireSites(code: string, name: string | undefined): Pick<Analysis, 'requires' | 'hasComputedRequire'> {
  if (name === undefined) return { requires: [], hasComputedRequire: false }
  const literals = code.matchAll(new RegExp(`\\b${name}(?:\\.resolve)?\\s*\\(\\s*(['"])((?:(?!\\1)[^\\\\\\n])+)\\1`, 'g'))
  const computed = new RegExp(`\\b${name}\\s*(?:\\.resolve\\s*)?\\(\\s*[^'"\\s)]`)
  return { requires: [...new Set([...literals].map(([, , specifier]) => specifier ?? ''))], hasComputedRequire: computed.test(code) }
}

function broken(source: Source, { text, location }: Message): Analysis {
  const line = location?.line ?? 1
  const column = (location?.column ?? 0) + 1
  return brokenBy(source, {
    type: 'syntax',
    path: source.path,
    line,
    column,
    message: text,
    frame: codeFrame(line, column, location?.lineText ?? '', location?.length),
  })
}

/** A module that throws when it is imported. JavaScript with a mistake may be data that looks like it (a template), so it stays. */
export function brokenBy({ path, text, loader, packageType }: Omit<Source, 'options'>, problem: Problem): Analysis {
  const isTyped = loader !== 'js'
  const format = isTyped && (extname(path) === '.cts' || (packageType === 'commonjs' && extname(path) !== '.mts')) ? 'cjs' : 'esm'
  const code = isTyped ? throwingModule(text, problem, format) : text
  return { format, isBeside: isTyped, code, imports: [], requires: [], hasComputedRequire: false, isModule: false, problem }
}
