<?php
// What happens, for ever: yields event => data, over all that goes away meanwhile. PHP 8, no extension.
function events(string $query = ''): Generator
{
    $context = stream_context_create(['http' => [
        'header' => 'Authorization: Bearer ' . getenv('C2D_KEY'),
        'timeout' => 40, // a comment comes every 15 s
        'ignore_errors' => true,
    ]]);
    while (true) {
        $stream = @fopen(getenv('C2D_URL') . "/click2dial/events$query", 'r', false, $context);
        if ($stream && !str_contains($http_response_header[0], ' 200 ')) {
            fwrite(STDERR, stream_get_contents($stream) . "\n");
            str_contains($http_response_header[0], ' 503 ') || exit(1); // that does not get better
        }
        $event = '';
        $stream && stream_set_chunk_size($stream, 1); // else PHP waits for 8 KB
        while ($stream && ($line = fgets($stream)) !== false) {
            [$name, $value] = explode(': ', rtrim($line), 2) + [1 => ''];
            if ($name === 'event') {
                $event = $value;
            } elseif ($name === 'data') {
                yield $event => json_decode($value, true);
            }
        }
        sleep(1); // the server, its Redis or the network is away
    }
}
