'use strict';

const express = require('express');

const app = express();
app.get('/', (request, response) => response.type('text').send('Hello from Fairlead\n'));

const server = app.listen(process.env.PORT || 3000, () => console.log(`listening on ${server.address().port}`));
process.on('SIGTERM', () => server.close(() => process.exit(0)));
