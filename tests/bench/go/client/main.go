// A Go client as it is usually written: `lookup TARGET ID` as a process, `assign TARGET FILE` from
// NDJSON to NDJSON. It is what the same user would have had from grpc-go.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	pb "dispatchpb"

	"google.golang.org/grpc"
)

type courier struct {
	CourierID     string `json:"courier_id"`
	TransportMode string `json:"transport_mode"`
	Availability  string `json:"availability"`
	CurrentZone   string `json:"current_zone"`
}

type update struct {
	AssignmentID    string `json:"assignment_id"`
	CourierID       string `json:"courier_id"`
	DestinationZone string `json:"destination_zone"`
}

type result struct {
	AssignmentID string `json:"assignment_id"`
	Accepted     bool   `json:"accepted"`
}

func lookup(client pb.DispatchGatewayClient, id string) error {
	reply, err := client.GetCourierStatus(context.Background(), &pb.CourierLookupRequest{CourierId: id})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(courier{
		CourierID:     reply.CourierId,
		TransportMode: reply.TransportMode,
		Availability:  reply.Availability,
		CurrentZone:   reply.CurrentZone,
	})
}

func send(stream pb.DispatchGateway_StreamAssignmentsClient, input io.Reader) error {
	lines := bufio.NewScanner(bufio.NewReaderSize(input, 256*1024))
	for lines.Scan() {
		var u update
		if err := json.Unmarshal(lines.Bytes(), &u); err != nil {
			return err
		}
		// Send may keep the message until it is on the wire: one of its own for each.
		if err := stream.Send(&pb.AssignmentUpdate{
			AssignmentId: u.AssignmentID, CourierId: u.CourierID, DestinationZone: u.DestinationZone,
		}); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return stream.CloseSend()
}

func assign(client pb.DispatchGatewayClient, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := client.StreamAssignments(ctx)
	if err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() {
		err := send(stream, file)
		if err != nil && err != io.EOF {
			cancel()
		}
		sent <- err
	}()
	out := bufio.NewWriterSize(os.Stdout, 64*1024)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	for {
		reply, err := stream.Recv()
		if err == io.EOF {
			return <-sent
		}
		if err != nil {
			return err
		}
		if err := encoder.Encode(result{reply.AssignmentId, reply.Accepted}); err != nil {
			return err
		}
	}
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: bench_go_client lookup TARGET ID | assign TARGET FILE")
		os.Exit(2)
	}
	connection, err := grpc.Dial(os.Args[2], grpc.WithInsecure())
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench_go_client:", err)
		os.Exit(1)
	}
	client := pb.NewDispatchGatewayClient(connection)
	switch os.Args[1] {
	case "lookup":
		err = lookup(client, os.Args[3])
	case "assign":
		err = assign(client, os.Args[3])
	default:
		err = fmt.Errorf("unknown command %q", os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench_go_client:", err)
		os.Exit(1)
	}
}
