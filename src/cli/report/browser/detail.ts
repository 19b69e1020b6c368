import type { LogLine, ReportData } from '../report-types.ts'
import { element, formatMs } from './element.ts'

/** Everything about the chosen run, or a whole log line. */
export class Detail {
  readonly root: HTMLElement = element('section', 'panel detail')
  readonly #data: ReportData

  constructor(data: ReportData) {
    this.#data = data
  }

  showRun(index: number): void {
    const run = this.#data.runs[index]
    if (!run) return
    const { waiting, starting, running } = run.spentMs
    const facts: [string, string][] = [
      ['id', run.id],
      ['task', run.task],
      ['engine', run.engine],
      ['status', run.attempt > 1 ? `${run.status}, attempt ${run.attempt}` : run.status],
      ['waiting', formatMs(waiting)],
      ['starting', formatMs(starting)],
      ['running', formatMs(running)],
    ]
    const list = element('dl', '', ...facts.flatMap(([name, value]) => [element('dt', '', name), element('dd', '', value)]))
    this.root.replaceChildren(
      element('div', 'toolbar', element('h2', '', run.label), element('span', `chip ${run.status}`, run.status)),
      element(
        'div',
        'body',
        list,
        ...block(
          'Error',
          run.error && [run.error.text, ...(run.error.lastLines ? ['', 'last lines:', ...run.error.lastLines] : [])].join('\n'),
          'failure',
        ),
        ...block('Input', valueText(run.input, run.inputBytes)),
        ...block('Output', valueText(run.output, run.outputBytes)),
      ),
    )
  }

  showLine([run, at, , text]: LogLine): void {
    this.root.replaceChildren(
      element('div', 'toolbar', element('h2', '', this.#data.runs[run]?.label ?? ''), element('span', 'count', formatMs(at))),
      element('div', 'body', element('pre', '', text)),
    )
  }
}

function block(title: string, text: string | undefined, className = ''): HTMLElement[] {
  return text === undefined ? [] : [element('h3', '', title), element('pre', className, text)]
}

function valueText(value: unknown, bytes: number | undefined): string | undefined {
  if (bytes !== undefined) return `${bytes.toLocaleString()} bytes, not recorded`
  return value === undefined ? undefined : JSON.stringify(value, null, 2)
}
