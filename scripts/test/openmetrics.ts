/** A strict reader of OpenMetrics: https://prometheus.io/docs/specs/om/open_metrics_spec/. It knows what services here write. */
export interface ReadFamily {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly samples: ReadSample[]
}

export interface ReadSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly exemplar: { readonly labels: Readonly<Record<string, string>>; readonly value: number } | undefined
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\[\\\\"n])*"'
const LABELS = `\\{(?:${LABEL}(?:,${LABEL})*)?\\}`
const NUMBER = '[-+]?(?:\\d+\\.?\\d*(?:e[-+]?\\d+)?|Inf)|NaN'
const SAMPLE = new RegExp(
  `^(${NAME})(${LABELS})? (${NUMBER})(?: # (${LABELS}) (${NUMBER})(?: (\\d+(?:\\.\\d+)?))?)?$`,
)
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total'],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
}

/** @throws Error that names the line which is none of OpenMetrics. */
export const readOpenMetrics = (text: string): ReadFamily[] => {
  if (!text.endsWith('\n# EOF\n')) throw new Error('no end')
  const families = new Map<string, ReadFamily>()
  let family: ReadFamily | undefined
  let help: { name: string; text: string } | undefined
  for (const line of text.slice(0, -'# EOF\n'.length).trimEnd().split('\n')) {
    const fail = (why: string): never => {
      throw new Error(`${why}: ${line}`)
    }
    const meta = new RegExp(`^# (HELP|TYPE) (${NAME}) (.*)$`).exec(line)
    if (meta) {
      const [, keyword, name = '', rest = ''] = meta
      if (keyword === 'HELP') {
        if (/(?<!\\)(?:\\\\)*"/.test(rest)) fail('a quote that is not escaped')
        help = { name, text: rest }
        continue
      }
      if (help?.name !== name) fail('a type without its help')
      if (families.has(name)) fail('a family in two places')
      if (!SUFFIXES[rest]) fail('an unknown type')
      if (rest === 'counter' && name.endsWith('_total')) fail('a family of a counter with its suffix')
      family = { name, type: rest, help: help?.text ?? '', samples: [] }
      families.set(name, family)
      continue
    }
    const found = SAMPLE.exec(line)
    if (!found || !family) return fail('no sample')
    const [, name = '', labels = '', value, exemplarLabels, exemplarValue] = found
    const suffix = name.slice(family.name.length)
    if (!name.startsWith(family.name) || !SUFFIXES[family.type]?.includes(suffix)) fail('not of its family')
    if (exemplarLabels !== undefined && suffix !== '_bucket' && suffix !== '_total')
      fail('an exemplar out of place')
    if ((exemplarLabels?.length ?? 0) > 128 + 20) fail('an exemplar that is too long')
    const read = readLabels(labels)
    if (suffix === '_bucket' && !/^(\d+\.\d+|\+Inf)$/.test(read.le ?? ''))
      fail('a bound that is not canonical')
    family.samples.push({
      name,
      labels: read,
      value: numberOf(value),
      exemplar:
        exemplarLabels === undefined
          ? undefined
          : { labels: readLabels(exemplarLabels), value: numberOf(exemplarValue) },
    })
  }
  for (const each of families.values()) checkFamily(each)
  return [...families.values()]
}

const readLabels = (text: string): Record<string, string> => {
  const pairs = [...text.matchAll(/([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g)]
  const labels = Object.fromEntries(pairs.map(([, name = '', value = '']) => [name, value]))
  if (Object.keys(labels).length !== pairs.length) throw new Error(`a label twice: ${text}`)
  return labels
}

const numberOf = (text = ''): number => Number(text.replace('Inf', 'Infinity'))

/** No series twice; buckets grow, and the last of them holds all. */
const checkFamily = ({ name, type, samples }: ReadFamily): void => {
  const keys = samples.map((sample) => JSON.stringify([sample.name, Object.entries(sample.labels).sort()]))
  if (new Set(keys).size !== keys.length) throw new Error(`${name}: a series twice`)
  if (type === 'counter' && samples.some(({ value }) => !(value >= 0))) throw new Error(`${name}: below 0`)
  if (type !== 'histogram') return
  const series = new Map<string, ReadSample[]>()
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels
    const key = JSON.stringify(labels)
    series.set(key, [...(series.get(key) ?? []), sample])
  }
  for (const [key, own] of series) {
    const counts = own.filter((sample) => sample.name.endsWith('_bucket')).map(({ value }) => value)
    const count = own.find((sample) => sample.name.endsWith('_count'))?.value
    const grows = counts.every((value, index) => index === 0 || value >= (counts[index - 1] ?? 0))
    if (!grows || counts.at(-1) !== count) throw new Error(`${name}${key}: buckets that are none`)
  }
}
