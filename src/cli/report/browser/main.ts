/** The page of `cowait report`: reads what is embedded in it and draws; asks nobody for anything. */
import type { ReportData } from '../report-types.ts'
import { Detail } from './detail.ts'
import { element, formatMs } from './element.ts'
import { LogList } from './log-list.ts'
import { RunList } from './run-list.ts'
import './main.css'

const data = JSON.parse(document.getElementById('data')?.textContent ?? '{}') as ReportData
const detail = new Detail(data)
const log = new LogList(data, (line) => detail.showLine(line))
const runs = new RunList(data, (run) => {
  detail.showRun(run)
  log.choose(run)
})
document.body.append(header(), element('main', '', runs.root, detail.root, log.root))
// Once there is a layout to scroll in.
requestAnimationFrame(() => runs.select(data.cause ?? 0))

function header(): HTMLElement {
  const failures = data.runs.filter((run) => run.status === 'failed').length
  const facts = [
    new Date(data.startedAt).toLocaleString(),
    formatMs(data.durationMs),
    `${data.runs.length.toLocaleString()} ${data.runs.length === 1 ? 'run' : 'runs'}`,
    failures > 0 ? `${failures.toLocaleString()} failed` : '',
    data.exitCode === undefined ? '' : `exit code ${data.exitCode}`,
    data.left.length > 0 ? `${data.left.length} left behind` : '',
  ]
  return element(
    'header',
    '',
    element('h1', '', data.title, ' ', element('span', `chip ${data.status}`, data.status)),
    element('p', 'facts', facts.filter((fact) => fact !== '').join(' · ')),
    element('code', 'command', data.command.join(' ')),
  )
}
