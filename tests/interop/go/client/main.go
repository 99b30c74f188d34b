// A Go client of the Dispatch service, one call each time it runs: what came of it goes to stdout as a JSON object.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	pb "dispatchpb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

type outcome struct {
	Code    string              `json:"code"`
	Message string              `json:"message"`
	Header  map[string][]string `json:"header"`
	Trailer map[string][]string `json:"trailer"`
	Reply   interface{}         `json:"reply"`
}

func outcomeOf(err error, header, trailer metadata.MD, reply interface{}) outcome {
	result := status.Convert(err)
	return outcome{Code: result.Code().String(), Message: result.Message(), Header: header, Trailer: trailer, Reply: reply}
}

func lookup(ctx context.Context, connection *grpc.ClientConn, id string) outcome {
	var header, trailer metadata.MD
	reply, err := pb.NewDispatchGatewayClient(connection).GetCourierStatus(
		ctx, &pb.CourierLookupRequest{CourierId: id}, grpc.Header(&header), grpc.Trailer(&trailer))
	return outcomeOf(err, header, trailer, reply)
}

// Sends all at once, while the results are read.
func assign(ctx context.Context, connection *grpc.ClientConn, count int) outcome {
	stream, err := pb.NewDispatchGatewayClient(connection).StreamAssignments(ctx)
	if err != nil {
		return outcomeOf(err, nil, nil, nil)
	}
	go func() {
		for i := 0; i < count; i++ {
			update := &pb.AssignmentUpdate{AssignmentId: fmt.Sprintf("go-%d", i), CourierId: "courier-42",
				DestinationZone: "zone-7"}
			if err := stream.Send(update); err != nil {
				return // Recv has the reason
			}
		}
		if err := stream.CloseSend(); err != nil {
			log.Print(err)
		}
	}()
	results := []string{}
	for {
		result, err := stream.Recv()
		if err == io.EOF {
			err = nil
		} else if err == nil {
			results = append(results, fmt.Sprintf("%s:%t", result.AssignmentId, result.Accepted))
			continue
		}
		header, _ := stream.Header()
		return outcomeOf(err, header, stream.Trailer(), results)
	}
}

// Gives a stream up after its first result.
func cancel(ctx context.Context, connection *grpc.ClientConn) outcome {
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	stream, err := pb.NewDispatchGatewayClient(connection).StreamAssignments(ctx)
	if err != nil {
		return outcomeOf(err, nil, nil, nil)
	}
	if err := stream.Send(&pb.AssignmentUpdate{AssignmentId: "go-1", CourierId: "courier-42"}); err != nil {
		return outcomeOf(err, nil, nil, nil)
	}
	if _, err := stream.Recv(); err != nil {
		return outcomeOf(err, nil, nil, nil)
	}
	giveUp()
	_, err = stream.Recv()
	return outcomeOf(err, nil, nil, nil)
}

func check(ctx context.Context, connection *grpc.ClientConn, service string) outcome {
	reply, err := healthpb.NewHealthClient(connection).Check(ctx, &healthpb.HealthCheckRequest{Service: service})
	return outcomeOf(err, nil, nil, reply.GetStatus().String())
}

func main() {
	timeout := flag.Duration("timeout", time.Minute, "of the call")
	authority := flag.String("cacert", "", "authorities, PEM; empty: plaintext")
	pairs := flag.String("metadata", "", "key=value,...")
	count := flag.Int("count", 10, "of assignments")
	flag.Parse()
	if flag.NArg() < 2 {
		log.Fatal("usage: client [FLAGS] lookup|assign|cancel|check TARGET [ID|SERVICE]")
	}
	security := grpc.WithInsecure()
	if *authority != "" {
		tls, err := credentials.NewClientTLSFromFile(*authority, "")
		if err != nil {
			log.Fatal(err)
		}
		security = grpc.WithTransportCredentials(tls)
	}
	connection, err := grpc.Dial(flag.Arg(1), security)
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	ctx, done := context.WithTimeout(context.Background(), *timeout)
	defer done()
	for _, pair := range strings.Split(*pairs, ",") {
		if parts := strings.SplitN(pair, "=", 2); len(parts) == 2 {
			ctx = metadata.AppendToOutgoingContext(ctx, parts[0], parts[1])
		}
	}
	var result outcome
	switch flag.Arg(0) {
	case "lookup":
		result = lookup(ctx, connection, flag.Arg(2))
	case "assign":
		result = assign(ctx, connection, *count)
	case "cancel":
		result = cancel(ctx, connection)
	case "check":
		result = check(ctx, connection, flag.Arg(2))
	default:
		log.Fatal("unknown command: ", flag.Arg(0))
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		log.Fatal(err)
	}
}
