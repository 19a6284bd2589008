// `npm run build`: everything was built on the way here.
process.stderr.write('Built.\n')
